export interface Machine {
  platform: string;
  arch: string;
  /** glibc, musl, or none outside Linux. */
  libc: string;
}
export interface Wheel {
  package: string;
  version: string;
  file: string;
  /** Several are parted by dots. */
  platformTag: string;
  sha256: string;
  /** Where it lies, for a machine without pip; without it pip is needed. */
  url?: string | undefined;
}
/** Wheels that make one libtorch, unpacked side by side. */
export interface WheelSet {
  /** Of libtorch. */
  version: string;
  /** What it was compiled with, such as 13.0. */
  cuda: string;
  /** What is kept of all wheels. */
  unpackedBytes: number;
  wheels: (Wheel & { bytes: number })[];
}
export function thisMachine(): Machine;
/** linux-x64, linux-arm64, linux-x64-musl, darwin-arm64 … */
export function machineName(machine: Machine): string;
/** False where Selfsight has never run on a machine of that kind. */
export function isTried(machine: Machine): boolean;
/** The release that we build and test on. */
export const pinnedVersion: string;
/** The pinned wheel for a machine; undefined where none is pinned. */
export function wheelFor(machine: Machine): Wheel | undefined;
/** libtorch with CUDA and NVIDIA's libraries that it opens, pinned for a machine; undefined where none are. */
export function cudaWheelsFor(machine: Machine): WheelSet | undefined;
/** libtorch_cpu.so, libtorch_cpu.dylib: how a library's file is called. */
export function libraryFile(name: string, machine: Machine): string;
/** CMake's settings that depend on the machine. */
export function compilerSettings(machine: Machine): Record<string, string>;
/** The programs that compile the addon, and how a person gets them. */
export function compilers(machine: Machine): { tools: string[]; advice: string };
