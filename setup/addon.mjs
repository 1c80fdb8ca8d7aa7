// Compiles native/ against one libtorch, once: half a minute; where CUDA's headers lie beside it, also the part for NCCL. The result
// lies in the user's cache and is moved there whole, so that two set-ups at once, or one that is killed, leave no half of it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { buildFolder, builds, cudaAddon, currentRecord, nativeFolder } from "./current.mjs";
import { compilerSettings, compilers, isTried, libraryFile, machineName, thisMachine } from "./platform.mjs";
import { has, installDebian, run, SetupError, say, tryRun } from "./say.mjs";

/** Builds where needed, or anew with `force`, and returns the record: {addonPath, libtorch}. */
export function buildAddon(libtorch, { sanitize = false, force = false } = {}) {
  const folder = join(buildFolder(), buildName(libtorch));
  const record = { addonPath: join(folder, "selfsight.node"), libtorch };
  const isBuilt = existsSync(record.addonPath) && existsSync(join(folder, "build.json"));
  if (force || !isBuilt) compile(folder, libtorch, sanitize);
  writeRecord(join(folder, "build.json"), record);
  removeOutdated(record);
  return record;
}

/** The folder of a libtorch holds one at a time: what was compiled for the one before serves nobody. */
function removeOutdated({ addonPath, libtorch }) {
  const isOutdated = (other) =>
    other.addonPath !== addonPath && other.libtorch.root === libtorch.root && other.libtorch.source === libtorch.source;
  for (const other of builds().filter(isOutdated)) rmSync(dirname(other.addonPath), { recursive: true, force: true });
}

/** Makes a build the one that serves where SELFSIGHT_LIBTORCH names none. */
export const makeCurrent = (record) => writeRecord(currentRecord(), record);

/** All that a build depends on beside the sources, which name the folder above. */
function buildName(libtorch) {
  const digest = createHash("sha256").update(JSON.stringify(libtorch)).digest("hex").slice(0, 8);
  return `${libtorch.version}-${libtorch.source}-${digest}`;
}

function writeRecord(path, record) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(record, null, 2));
  renameSync(temporary, path);
}

function compile(folder, libtorch, sanitize) {
  const machine = thisMachine();
  if (!isTried(machine)) say(`${machineName(machine)} has not been tried; Linux on x64 has`);
  ensureTools(compilers(machine));
  say(`compiling the addon for libtorch ${libtorch.version} (${libtorch.root}), once ...`);
  const partial = makePartial(buildFolder());
  try {
    runCmake(partial, { ...settingsFor(libtorch, machine), SANITIZE: sanitize ? "ON" : "OFF" }, libtorch);
    mkdirSync(folder, { recursive: true });
    rmSync(join(folder, cudaAddon), { force: true });
    for (const name of [cudaAddon, "selfsight.node"].filter((name) => existsSync(join(partial, name))))
      renameSync(join(partial, name), join(folder, name)); // whoever has loaded the old one keeps it
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** A new folder for work that may be cut off; what was left there more than a day ago goes. */
export function makePartial(parent) {
  try {
    mkdirSync(parent, { recursive: true });
    for (const name of readdirSync(parent).filter((entry) => entry.startsWith(".partial-")))
      if (Date.now() - statSync(join(parent, name)).mtimeMs > 86_400_000)
        rmSync(join(parent, name), { recursive: true, force: true });
    return mkdtempSync(join(parent, ".partial-"));
  } catch (error) {
    throw new SetupError(
      `${parent} cannot be written (${error.message}); addon and libtorch are kept there; set XDG_CACHE_HOME to a folder that this user may write to, now and whenever selfsight runs`,
    );
  }
}

function settingsFor(libtorch, machine) {
  const library = (name) => join(libtorch.lib, libraryFile(name, machine));
  return {
    CUDA_HEADERS: cudaHeaders(libtorch).join(";"),
    CUDA_LIBRARIES: `${library("torch_cuda")};${library("c10_cuda")}`,
    LIBTORCH_LIB: libtorch.lib,
    LIBTORCH_LIBRARIES: `${library("torch_cpu")};${library("c10")}`,
    LIBTORCH_INCLUDE: libtorch.include,
    LIBTORCH_CXX_STANDARD: libtorch.cxxStandard,
    CXX11_ABI: libtorch.cxx11Abi,
    NODE_API_HEADERS: join(packageFolder("node-api-headers"), "include"),
    NODE_ADDON_API: packageFolder("node-addon-api"),
    ...compilerSettings(machine),
  };
}

/** The folders of CUDA's headers that NVIDIA's packages have put beside libtorch; none where some are missing. */
export function cudaHeaders({ root, cuda }) {
  const packages = join(root, "..", "nvidia");
  if (!cuda || !existsSync(packages)) return [];
  const folders = readdirSync(packages)
    .sort()
    .flatMap((name) => [join(packages, name, "include"), join(packages, name, "include", "cccl")])
    .filter(existsSync);
  const isThere = (header) => folders.some((folder) => existsSync(join(folder, header)));
  const needed = [
    "cuda_runtime.h",
    "crt/host_config.h",
    "nv/target",
    "cublas_v2.h",
    "cusolverDn.h",
    "cusparse.h",
    "nccl.h",
  ];
  return needed.every(isThere) ? folders : [];
}

function runCmake(folder, settings, libtorch) {
  const defines = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`);
  const failure = `the addon does not compile against libtorch ${libtorch.version} in ${libtorch.root}; another one can be named by --libtorch or SELFSIGHT_LIBTORCH`;
  run("cmake", ["-S", nativeFolder, "-B", folder, ...defines], { failure });
  const build = ["--build", folder, "--parallel", String(availableParallelism())];
  run("cmake", build, { failure });
  if (settings.CUDA_HEADERS && tryRun("cmake", [...build, "--target", "selfsight-cuda"]) === undefined)
    say(
      "the part for NCCL and CUDA graphs does not compile against this libtorch; tensors of several GPUs will travel over host memory, and cudaGraph is refused",
    );
}

function packageFolder(name) {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    throw new SetupError(`the npm package ${name} is missing; run npm install and then this again`);
  }
}

function ensureTools({ tools, advice }) {
  const missing = tools.filter((tool) => !has(tool));
  if (missing.length === 0) return;
  if (installDebian(...missing, "make") && missing.every(has)) return;
  throw new SetupError(
    `${missing.join(" and ")} missing; the addon is compiled once on this machine; install what is missing (${advice}) and run this again`,
  );
}
