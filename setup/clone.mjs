// What a clone needs before its command exists: npm packages, the compiled sources, a link for npx. Each is done once.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./current.mjs";
import { run, say } from "./say.mjs";

export function prepareClone() {
  if (!packagesAreInstalled()) installPackages();
  linkCommand();
  if (!sourcesAreCompiled()) compileSources();
}

/** What prepareClone would do, in words. */
export function missingInClone() {
  return [
    ...(packagesAreInstalled() ? [] : ["npm packages are not those of the lock file"]),
    ...(sourcesAreCompiled() ? [] : ["the TypeScript sources are not compiled"]),
  ];
}

const packagesStamp = () => join(projectRoot, "node_modules", ".selfsight-lock");
const sourcesStamp = () => join(projectRoot, "dist", ".sources");

const holds = (path, text) => existsSync(path) && readFileSync(path, "utf8") === text;
const packagesAreInstalled = () => holds(packagesStamp(), lockDigest()) || areAsLocked();
const sourcesAreCompiled = () => holds(sourcesStamp(), sourcesDigest());

const lockDigest = () =>
  createHash("sha256")
    .update(readFileSync(join(projectRoot, "package-lock.json")))
    .update(process.version)
    .digest("hex");

/** Whether a person's own `npm ci` brought them: npm keeps a list of what it installed. */
function areAsLocked() {
  const installedList = join(projectRoot, "node_modules", ".package-lock.json");
  if (!existsSync(installedList)) return false;
  const [installed, locked] = [installedList, join(projectRoot, "package-lock.json")].map(
    (path) => JSON.parse(readFileSync(path, "utf8")).packages,
  );
  return Object.entries(locked).every(
    ([path, { version, optional, devOptional, peer }]) =>
      path === "" || installed[path]?.version === version || ((optional || devOptional || peer) && !installed[path]),
  );
}

/** Exactly what the lock file names, the tools for development too, whatever npm is told elsewhere. */
function installPackages() {
  say("installing npm packages ...");
  run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"], {
    cwd: projectRoot,
    failure: "npm ci failed; check the connection and npm's own settings, then run this again",
  });
  writeFileSync(packagesStamp(), lockDigest());
}

/** So that `npx selfsight` finds the command in the clone at once, without making a package of it first. */
function linkCommand() {
  const bin = join(projectRoot, "node_modules", ".bin");
  if (existsSync(bin) && !existsSync(join(bin, "selfsight")))
    symlinkSync(join("..", "..", "bin", "selfsight.mjs"), join(bin, "selfsight"));
}

export function compileSources() {
  say("compiling TypeScript ...");
  const compiler = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
  for (const project of ["tsconfig.build.json", join("web", "tsconfig.json")])
    run(process.execPath, [compiler, "-p", join(projectRoot, project)], { failure: "TypeScript does not compile" });
  const bundler = join(projectRoot, "node_modules", "vite", "bin", "vite.js");
  run(process.execPath, [bundler, "build", "-c", join(projectRoot, "web", "vite.config.mjs")], {
    failure: "the live page is not built",
  });
  writeFileSync(sourcesStamp(), sourcesDigest());
}

function sourcesDigest() {
  const hash = createHash("sha256");
  for (const room of ["src", "web"])
    for (const path of readdirSync(join(projectRoot, room), { recursive: true }).sort()) {
      const { size, mtimeMs } = statSync(join(projectRoot, room, path));
      hash.update(`${room} ${path} ${size} ${mtimeMs}\n`);
    }
  return hash.digest("hex");
}
