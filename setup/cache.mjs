// Where what was fetched is kept.
import { lstatSync, mkdirSync, mkdtempSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** Below XDG_CACHE_HOME, else ~/.cache; for a user without a home, a folder of its own in the temporary one, said once. */
export const cacheFolder = (name) =>
  join(process.env.XDG_CACHE_HOME || homeCache() || temporaryCache(), "selfsight", name);

/** Undefined where HOME is not set and the user stands in no list of users, as in many containers. */
function homeCache() {
  try {
    return homedir() && join(homedir(), ".cache");
  } catch {
    return undefined;
  }
}

let chosen;

function temporaryCache() {
  if (chosen === undefined) {
    chosen = ownFolder(process.getuid?.() ?? 0);
    console.error(
      `selfsight: this user has no home; what is fetched is kept in ${chosen}; set XDG_CACHE_HOME to keep it elsewhere`,
    );
  }
  return chosen;
}

/** What lies there is run: where somebody else has made the folder, a new one serves. */
function ownFolder(user) {
  const folder = join(tmpdir(), `selfsight-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return lstatSync(folder).uid === user ? folder : mkdtempSync(`${folder}-`);
}
