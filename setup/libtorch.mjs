// Finds libtorch, or fetches it: SELFSIGHT_LIBTORCH, the torch of python3, our cache, the pinned CPU wheel, Debian's package.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "./cache.mjs";
import { versionOf } from "./current.mjs";
import { has, installDebian, run, SetupError, say, tryRun } from "./say.mjs";

/** The release that we build and test on; 1.13 (Debian 12) is the oldest that works. */
export const pinnedVersion = "2.13.0+cpu";
const oldestMinor = [1, 13];
/** Where PyTorch publishes its CPU builds; asked only where pip's own configuration does not know the wheel. */
const cpuIndex = "https://download.pytorch.org/whl/cpu";

const libtorchCache = () => cacheFolder("libtorch");

/** The libtorch to build against. Errors: a sentence that says what was tried. */
export function findOrFetchLibtorch() {
  const wanted = process.env.SELFSIGHT_LIBTORCH;
  if (wanted) return wantedLibtorch(wanted);
  return fromPython() ?? fromCache() ?? fetchWheel() ?? fromDebian() ?? fetchDebian() ?? nothingFound();
}

const bySource = {
  python3: () => fromPython(),
  cache: () => fromCache() ?? fetchWheel(),
  debian: () => fromDebian() ?? fetchDebian(),
};

function wantedLibtorch(wanted) {
  const found = bySource[wanted] ? bySource[wanted]() : describe(wanted, "SELFSIGHT_LIBTORCH");
  if (found) return found;
  throw new SetupError(
    `SELFSIGHT_LIBTORCH is ${wanted}; no libtorch of ${oldestMinor.join(".")} or newer with headers is there; give a folder that holds lib/ and include/, or one of ${Object.keys(bySource).join(", ")}`,
  );
}

/** Looks for the package without importing it, which takes seconds. */
function fromPython() {
  const script =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  const folder = tryRun("python3", ["-c", script])?.trim();
  return folder ? describe(folder, "python3") : undefined;
}

const fromCache = () => describe(join(libtorchCache(), pinnedVersion), "cache");

const fromDebian = () => describe("/usr", "debian");

/** What lies in a folder, or undefined where it is no libtorch that we can use. */
function describe(root, source) {
  const triplets = existsSync(join(root, "lib"))
    ? readdirSync(join(root, "lib")).filter((name) => name.endsWith("-linux-gnu"))
    : [];
  const lib = ["lib", ...triplets.map((name) => join("lib", name))]
    .map((folder) => join(root, folder))
    .find((folder) => existsSync(join(folder, "libtorch_cpu.so")));
  const include = join(root, "include");
  const version = lib ? versionOf(include) : undefined;
  if (!version || isTooOld(version)) return undefined;
  return {
    source,
    root,
    lib,
    include,
    version,
    cuda: existsSync(join(lib, "libtorch_cuda.so")),
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

/** pip is only the messenger: the wheel's lib, include and share are unpacked into the cache, nothing is installed. */
function fetchWheel() {
  if (tryRun("python3", ["-m", "pip", "--version"]) === undefined) return undefined;
  const target = join(libtorchCache(), pinnedVersion);
  mkdirSync(libtorchCache(), { recursive: true });
  const partial = mkdtempSync(join(libtorchCache(), ".partial-"));
  try {
    say(`fetching libtorch ${pinnedVersion} (about 190 MB, once) ...`);
    const wheel = downloadWheel(partial);
    if (!wheel) return undefined;
    unpack(join(partial, wheel), partial);
    if (!existsSync(target)) renameSync(join(partial, "torch"), target);
    return describe(target, "cache");
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function downloadWheel(folder) {
  const platform = [
    "--only-binary=:all:",
    "--implementation",
    "cp",
    "--python-version",
    "3.11",
    "--abi",
    "cp311",
    "--platform",
    "manylinux_2_28_x86_64",
  ];
  const download = [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--retries",
    "0",
    "--no-deps",
    "--dest",
    folder,
    ...platform,
    `torch==${pinnedVersion}`,
  ];
  for (const extra of [[], ["--extra-index-url", cpuIndex]]) {
    tryRun("python3", [...download, ...extra]);
    const wheel = readdirSync(folder).find((name) => name.endsWith(".whl"));
    if (wheel && statSync(join(folder, wheel)).size > 0) return wheel;
  }
  return undefined;
}

function unpack(wheel, folder) {
  const script = [
    "import sys, zipfile",
    "wheel = zipfile.ZipFile(sys.argv[1])",
    "parts = ('torch/lib/', 'torch/include/', 'torch/share/', 'torch/version.py')",
    "wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(parts)])",
  ].join("\n");
  run("python3", ["-c", script, wheel, folder], {
    failure: `the wheel ${wheel} cannot be unpacked; free some disk space (2 GB) and run this again`,
  });
}

function fetchDebian() {
  return installDebian("libtorch-dev") ? fromDebian() : undefined;
}

function nothingFound() {
  const pip = has("python3") ? "pip did not find the wheel" : "python3 with pip is not here";
  throw new SetupError(
    `no libtorch: SELFSIGHT_LIBTORCH is not set, python3 has no torch, ${libtorchCache()} is empty, ${pip} (torch ${pinnedVersion}), ` +
      "Debian's libtorch-dev is not installed and cannot be installed by this user; do one of: pip install torch, " +
      "apt-get install libtorch-dev, or set SELFSIGHT_LIBTORCH to an unpacked libtorch, then run this again",
  );
}
