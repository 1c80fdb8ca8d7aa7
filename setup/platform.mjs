// What differs between machines, as functions of {platform, arch, libc}: which wheel is right, what its libraries are called,
// what the compiler is told. CONTRIBUTING.md says which of them were run and which are tested as logic only.
import { readFileSync } from "node:fs";

/** Of this machine: platform and arch as Node names them; libc is glibc, musl, or none outside Linux. */
export function thisMachine() {
  const { platform, arch } = process;
  return { platform, arch, libc: platform === "linux" ? linuxLibrary() : "none" };
}

function linuxLibrary() {
  process.report.excludeNetwork = true; // else it looks up the names of all open connections
  return process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
}

/** linux-x64, linux-arm64, linux-x64-musl, darwin-arm64 … */
export const machineName = ({ platform, arch, libc }) => `${platform}-${arch}${libc === "musl" ? "-musl" : ""}`;

/** What has never run on a machine of that kind is said before it is built there. */
export const isTried = (machine) => ["linux-x64", "linux-arm64"].includes(machineName(machine));

const pinned = JSON.parse(readFileSync(new URL("./wheels.json", import.meta.url), "utf8"));

/** The release that we build and test on. */
export const pinnedVersion = pinned.version;

/** The pinned wheel for a machine: {version, file, platformTag, sha256, url}; undefined where none is pinned. */
export function wheelFor(machine) {
  const wheel = pinned.wheels[machineName(machine)];
  return wheel && { ...named(wheel), url: `${pinned.index}/${encodeURIComponent(wheel.file)}` };
}

/**
 * libtorch with CUDA and NVIDIA's libraries that it opens, pinned for a machine: {version, cuda, unpackedBytes, wheels}; undefined
 * where none are. They come from the index that pip is told to use, so they have no address of their own.
 */
export function cudaWheelsFor(machine) {
  const set = pinned.cuda[machineName(machine)];
  return set && { ...set, wheels: set.wheels.map(named) };
}

/** What a wheel's file name says. */
function named(wheel) {
  const [name, version, , , platformTag] = wheel.file.replace(/\.whl$/, "").split("-");
  return { ...wheel, package: name.replaceAll("_", "-"), version, platformTag };
}

/** libtorch_cpu.so, libtorch_cpu.dylib: how a library's file is called. */
export const libraryFile = (name, { platform }) => `lib${name}.${platform === "darwin" ? "dylib" : "so"}`;

/** CMake's settings that depend on the machine. On macOS the addon finds Node's functions when it is loaded. */
export function compilerSettings({ platform, arch }) {
  if (platform !== "darwin") return {};
  return {
    CMAKE_OSX_ARCHITECTURES: arch === "arm64" ? "arm64" : "x86_64",
    CMAKE_OSX_DEPLOYMENT_TARGET: "14.0", // of the wheel
    CMAKE_MODULE_LINKER_FLAGS: "-undefined dynamic_lookup",
  };
}

/** The programs that compile the addon, and how a person gets them. */
export function compilers({ platform }) {
  if (platform === "darwin")
    return { tools: ["cmake", "clang++"], advice: "xcode-select --install; brew install cmake" };
  return { tools: ["cmake", "g++"], advice: "Debian: apt-get install g++ cmake make" };
}
