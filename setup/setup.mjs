// What both commands share: npm packages, libtorch, the addon, the compiled sources. Each is done once; a second run takes
// a fraction of a second. No step asks a question; what fails says what was tried and what to do.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildAddon, isFresh } from "./addon.mjs";
import { projectRoot, readCurrentBuild } from "./current.mjs";
import { findOrFetchLibtorch } from "./libtorch.mjs";
import { run, SetupError, say } from "./say.mjs";

export function setUp() {
  if (process.platform !== "linux" || process.arch !== "x64")
    say(`${process.platform} ${process.arch} has not been tried; Linux on x64 has`);
  installPackages();
  linkCommand();
  buildEngine();
  compileSources();
}

/** Exactly what the lock file names, the tools for development too, whatever npm is told elsewhere. */
function installPackages() {
  const lock = join(projectRoot, "package-lock.json");
  if (!existsSync(lock)) return; // Selfsight is itself installed as a package
  const stamp = createHash("sha256").update(readFileSync(lock)).update(process.version).digest("hex");
  const stampFile = join(projectRoot, "node_modules", ".selfsight-lock");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  say("installing npm packages ...");
  run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"], {
    cwd: projectRoot,
    failure: "npm ci failed; check the connection and npm's own settings, then run this again",
  });
  writeFileSync(stampFile, stamp);
}

/** So that `npx selfsight` finds the command in the clone at once, without making a package of it first. */
function linkCommand() {
  const bin = join(projectRoot, "node_modules", ".bin");
  if (existsSync(bin) && !existsSync(join(bin, "selfsight")))
    symlinkSync(join("..", "..", "bin", "selfsight.mjs"), join(bin, "selfsight"));
}

function buildEngine() {
  const current = readCurrentBuild();
  const isWanted =
    !process.env.SELFSIGHT_LIBTORCH ||
    [current?.libtorch.root, current?.libtorch.source].includes(process.env.SELFSIGHT_LIBTORCH);
  if (current && isWanted && isFresh(current)) return;
  buildAddon(findOrFetchLibtorch());
}

function compileSources() {
  const config = join(projectRoot, "tsconfig.build.json");
  if (!existsSync(config)) return;
  const stampFile = join(projectRoot, "dist", ".sources");
  const stamp = sourcesStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  say("compiling TypeScript ...");
  run("node", [join(projectRoot, "node_modules", "typescript", "bin", "tsc"), "-p", config], {
    failure: "TypeScript does not compile",
  });
  writeFileSync(stampFile, stamp);
}

function sourcesStamp() {
  const hash = createHash("sha256");
  for (const path of readdirSync(join(projectRoot, "src"), { recursive: true }).sort()) {
    const { size, mtimeMs } = statSync(join(projectRoot, "src", path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** Runs the set-up as a program: 0 when all is in place, 2 with a sentence otherwise. */
export function setUpOrExit() {
  try {
    setUp();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exit(2);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) setUpOrExit();
