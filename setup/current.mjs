// Which addon serves: one is built for each libtorch, and this chooses. Read at every start, so it stays small.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "./cache.mjs";

export const projectRoot = fileURLToPath(new URL("..", import.meta.url));
export const nativeFolder = join(projectRoot, "native");

/**
 * Where the addons of these sources lie: in the user's cache, so that a package may be read-only, and clones of equal sources
 * share them. A release, another processor or a changed source has a folder of its own.
 */
export function buildFolder() {
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
  return join(cacheFolder("addon"), `${version}-napi8-${process.platform}-${process.arch}-${sourcesDigest()}`);
}

/** Beside an addon that was compiled with CUDA's headers at hand: native/nccl.cc and native/cuda-graph.cc. */
export const cudaAddon = "selfsight-cuda.so";

/** What is remembered: the build that serves where SELFSIGHT_LIBTORCH names none. */
export const currentRecord = () => join(buildFolder(), "current.json");

function sourcesDigest() {
  const hash = createHash("sha256");
  for (const name of readdirSync(nativeFolder, { recursive: true }).sort())
    if (/\.(cc|cu|h|txt)$/.test(name)) hash.update(name).update(readFileSync(join(nativeFolder, name)));
  return hash.digest("hex").slice(0, 12);
}

/** The build for a libtorch (a folder, or a source such as debian), else the default one. */
export function readCurrentBuild(wanted = process.env.SELFSIGHT_LIBTORCH) {
  const chosen = wanted ? builds().find(({ libtorch }) => isNamed(libtorch, wanted)) : undefined;
  const build = chosen ?? readRecord(currentRecord());
  if (!build || !existsSync(build.addonPath)) return undefined;
  return { ...build, libtorch: { ...build.libtorch, version: versionOf(build.libtorch.include) ?? "none" } };
}

/** Whether SELFSIGHT_LIBTORCH, or --libtorch, means this one: by its source or its folder. */
export const isNamed = ({ source, root }, wanted) => source === wanted || root === resolve(wanted);

/** Every build of these sources. */
export function builds() {
  if (!existsSync(buildFolder())) return [];
  const records = readdirSync(buildFolder()).map((name) => readRecord(join(buildFolder(), name, "build.json")));
  return records.filter((record) => record !== undefined);
}

export function readRecord(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Newer releases moved the numbers into headeronly/. */
const versionHeaders = [
  join("torch", "headeronly", "version.h"),
  join("torch", "csrc", "api", "include", "torch", "version.h"),
];

export function versionOf(include) {
  for (const header of versionHeaders.map((name) => join(include, name)).filter(existsSync)) {
    const text = readFileSync(header, "utf8");
    const part = (name) => new RegExp(`#define TORCH_VERSION_${name} (\\d+)`).exec(text)?.[1];
    const parts = [part("MAJOR"), part("MINOR"), part("PATCH")];
    if (parts.every((number) => number !== undefined)) return parts.join(".");
  }
  return undefined;
}
