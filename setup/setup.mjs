// `npm run setup`: the clone's own part, then `selfsight setup` with the same arguments. The other commands of package.json call
// it without arguments. No step asks a question; what fails says what was tried and what to do.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { missingInClone, prepareClone } from "./clone.mjs";
import { projectRoot } from "./current.mjs";
import { setUpEngine } from "./engine.mjs";
import { SetupError, say } from "./say.mjs";

/** All that the commands of a clone need; where something fails the process ends with 2 and a sentence. */
export async function setUpOrExit() {
  await orExit(async () => {
    prepareClone();
    await setUpEngine();
  });
}

async function orExit(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exit(2);
  }
}

async function runCommand(given) {
  const missing = given.includes("--check") ? missingInClone() : [];
  if (missing.length > 0) throw new SetupError(`${missing.join("; ")}; run \`npm run setup\``);
  prepareClone();
  const command = join(projectRoot, "bin", "selfsight.mjs");
  process.exitCode = spawnSync(process.execPath, [command, "setup", ...given], { stdio: "inherit" }).status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await orExit(() => runCommand(process.argv.slice(2)));
