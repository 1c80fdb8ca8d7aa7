// Compiles native/ against one libtorch, once: half a minute; nothing is done while sources and libtorch stay the same.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { buildFolder, projectRoot, readRecord } from "./current.mjs";
import { has, installDebian, run, SetupError, say } from "./say.mjs";

const native = join(projectRoot, "native");

/** Builds where needed, records the build, and makes it the default where none is named by SELFSIGHT_LIBTORCH. */
export function buildAddon(libtorch, { sanitize = false } = {}) {
  const name = `${libtorch.version}-${libtorch.source.toLowerCase()}${sanitize ? "-sanitized" : ""}`;
  const folder = join(buildFolder, name.replaceAll(/[^\w.-]/g, "-"));
  const stamp = stampOf(libtorch, sanitize);
  const record = { addonPath: join(folder, "selfsight.node"), libtorch, stamp };
  const known = readRecord(join(folder, "build.json"));
  if (known?.stamp !== stamp || !existsSync(known.addonPath)) compile(folder, libtorch, sanitize);
  if (sanitize) return record;
  writeFileSync(join(folder, "build.json"), JSON.stringify(record, null, 2));
  const current = join(buildFolder, "current.json");
  if (!process.env.SELFSIGHT_LIBTORCH || !existsSync(current)) writeFileSync(current, JSON.stringify(record, null, 2));
  return record;
}

/** Whether this record still fits the sources and its libtorch. */
export const isFresh = (record) => existsSync(record.addonPath) && record.stamp === stampOf(record.libtorch, false);

function stampOf(libtorch, sanitize) {
  const hash = createHash("sha256").update(JSON.stringify([libtorch, sanitize, process.arch]));
  for (const name of readdirSync(native)
    .filter((entry) => /\.(cc|h|txt)$/.test(entry))
    .sort())
    hash.update(readFileSync(join(native, name)));
  return hash.digest("hex");
}

function compile(folder, libtorch, sanitize) {
  ensureTools();
  say(`compiling the addon for libtorch ${libtorch.version} (${libtorch.root}), once ...`);
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, "CMakeCache.txt"), { force: true }); // cmake refuses to go on in a tree that was copied or moved
  const settings = {
    LIBTORCH_LIB: libtorch.lib,
    LIBTORCH_INCLUDE: libtorch.include,
    LIBTORCH_CXX_STANDARD: libtorch.cxxStandard,
    CXX11_ABI: libtorch.cxx11Abi,
    NODE_API_HEADERS: join(packageFolder("node-api-headers"), "include"),
    NODE_ADDON_API: packageFolder("node-addon-api"),
    SANITIZE: sanitize ? "ON" : "OFF",
  };
  const defines = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`);
  const failure = `the addon does not compile against libtorch ${libtorch.version} in ${libtorch.root}; another one can be named by SELFSIGHT_LIBTORCH`;
  run("cmake", ["-S", native, "-B", folder, ...defines], { failure });
  run("cmake", ["--build", folder, "--parallel", String(availableParallelism())], { failure });
}

/** node_modules of the project, or the one above it where Selfsight is itself a package. */
function packageFolder(name) {
  const folder = [join(projectRoot, "node_modules", name), join(projectRoot, "..", name)].find(existsSync);
  if (folder) return folder;
  throw new SetupError(`the npm package ${name} is missing; run npm install and then this again`);
}

function ensureTools() {
  const missing = ["cmake", "g++"].filter((tool) => !has(tool));
  if (missing.length === 0) return;
  if (installDebian(...missing, "make") && missing.every(has)) return;
  throw new SetupError(
    `${missing.join(" and ")} missing; the addon is compiled once on this machine; install them (Debian: apt-get install g++ cmake) and run this again`,
  );
}
