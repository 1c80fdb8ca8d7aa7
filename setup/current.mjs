// Which addon serves: one is built for each libtorch, and this chooses. Read at every start, so it stays small.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = fileURLToPath(new URL("..", import.meta.url));
export const buildFolder = join(projectRoot, "native", "build");

/** The build named by SELFSIGHT_LIBTORCH (a path, or a source such as debian), else the default one. */
export function readCurrentBuild() {
  const wanted = process.env.SELFSIGHT_LIBTORCH;
  const chosen = wanted
    ? builds().find(({ libtorch }) => [libtorch.root, libtorch.source].includes(wanted))
    : undefined;
  const build = chosen ?? readRecord(join(buildFolder, "current.json"));
  if (!build || !existsSync(build.addonPath)) return undefined;
  return { ...build, libtorch: { ...build.libtorch, version: versionOf(build.libtorch.include) ?? "none" } };
}

function builds() {
  if (!existsSync(buildFolder)) return [];
  const records = readdirSync(buildFolder).map((name) => readRecord(join(buildFolder, name, "build.json")));
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
