// Finds libtorch, or fetches it: the one asked for, else the torch of python3, the pinned CPU wheel, Debian's package.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { cacheFolder } from "./cache.mjs";
import { versionOf } from "./current.mjs";
import { cudaWheelsFor, libraryFile, machineName, pinnedVersion, thisMachine, wheelFor } from "./platform.mjs";
import { installDebian, SetupError, tryRun } from "./say.mjs";
import { fetchWheel, fetchWheels } from "./wheel.mjs";

/** 1.13 (Debian 12) is the oldest that works. */
const oldestMinor = [1, 13];

const libtorchCache = () => cacheFolder("libtorch");

/** The libtorch to build against: `wanted` is cpu, cuda, python3, debian or a folder. Errors: a sentence that says what was tried. */
export async function findOrFetchLibtorch(wanted) {
  if (wanted) return wantedLibtorch(wanted);
  return fromPython() ?? (await cpuWheel()) ?? debian() ?? nothingFound();
}

const bySource = {
  cpu: () => cpuWheel(),
  cuda: () => cudaWheels(),
  python3: () => fromPython(),
  debian: () => debian(),
};

async function wantedLibtorch(wanted) {
  const found = bySource[wanted] ? await bySource[wanted]() : describe(resolve(wanted), "folder");
  if (found) return found;
  throw new SetupError(
    `${wanted} was asked for (--libtorch or SELFSIGHT_LIBTORCH); no libtorch of ${oldestMinor.join(".")} or newer with headers is there` +
      `${bySource[wanted] ? ", or it cannot be fetched from here" : ""}; give a folder that holds lib/ and include/, or one of ${Object.keys(bySource).join(", ")}`,
  );
}

/** Looks for the package without importing it, which takes seconds. */
function fromPython() {
  const script =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  const folder = tryRun("python3", ["-c", script])?.trim();
  return folder ? describe(folder, "python3") : undefined;
}

/** From the cache, else fetched into it. */
async function cpuWheel() {
  const wheel = wheelFor(thisMachine());
  if (!wheel) return undefined;
  const target = join(libtorchCache(), `${wheel.version}-${machineName(thisMachine())}`);
  const inCache = () => describe(join(target, "torch"), "cpu");
  return inCache() ?? ((await fetchWheel(wheel, libtorchCache(), target)) ? inCache() : undefined);
}

/** From the cache, else fetched into it. Errors: none is pinned for this machine; it cannot be had. */
async function cudaWheels() {
  const name = machineName(thisMachine());
  const set = cudaWheelsFor(thisMachine());
  if (!set) throw nonePinned(name);
  const target = join(libtorchCache(), `${set.version}-cuda-${name}`);
  const inCache = () => describe(join(target, "torch"), "cuda");
  if (!inCache()) await fetchWheels(set, libtorchCache(), target);
  return inCache();
}

const nonePinned = (name) =>
  new SetupError(
    `cuda was asked for (--libtorch or SELFSIGHT_LIBTORCH); no build with CUDA is pinned for ${name}, one is for linux-x64; name a libtorch with CUDA by --libtorch FOLDER, or take python3 where its torch has CUDA`,
  );

const inDebian = () => describe("/usr", "debian");
const debian = () => inDebian() ?? (installDebian("libtorch-dev") ? inDebian() : undefined);

/** What lies in a folder, or undefined where it is no libtorch that we can use. */
export function describe(root, source) {
  const machine = thisMachine();
  const triplets = existsSync(join(root, "lib"))
    ? readdirSync(join(root, "lib")).filter((name) => name.endsWith("-linux-gnu"))
    : [];
  const lib = ["lib", ...triplets.map((name) => join("lib", name))]
    .map((folder) => join(root, folder))
    .find((folder) => existsSync(join(folder, libraryFile("torch_cpu", machine))));
  const include = join(root, "include");
  const version = lib ? versionOf(include) : undefined;
  if (!version || isTooOld(version)) return undefined;
  return {
    source,
    root,
    lib,
    include,
    version,
    cuda: existsSync(join(lib, libraryFile("torch_cuda", machine))),
    ...buildFlags(root, lib),
  };
}

function isTooOld(version) {
  const [major, minor] = version.split(".").map(Number);
  return major < oldestMinor[0] || (major === oldestMinor[0] && minor < oldestMinor[1]);
}

/** The C++ standard and the string layout that this libtorch was compiled with, as its own CMake files say. */
function buildFlags(root, lib) {
  const configs = [join(root, "share", "cmake", "Torch"), join(lib, "cmake", "Torch")].map((folder) =>
    join(folder, "TorchConfig.cmake"),
  );
  const text = configs
    .filter(existsSync)
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  const standard = Number(/CXX_STANDARD (\d+)/.exec(text)?.[1] ?? 17);
  const abi = /_GLIBCXX_USE_CXX11_ABI=(\d)/.exec(text)?.[1] ?? "1";
  return { cxxStandard: Math.max(17, standard), cxx11Abi: Number(abi) };
}

function nothingFound() {
  const name = machineName(thisMachine());
  const wheel = wheelFor(thisMachine())
    ? `the wheel of torch ${pinnedVersion} was not reached, by pip or directly`
    : `no wheel of torch ${pinnedVersion} is pinned for ${name}`;
  throw new SetupError(
    `no libtorch: python3 has no torch, ${wheel}, Debian's libtorch-dev is not installed and cannot be installed by this user; ` +
      "do one of: pip install torch, apt-get install libtorch-dev, or name an unpacked libtorch by --libtorch FOLDER, then run this again",
  );
}
