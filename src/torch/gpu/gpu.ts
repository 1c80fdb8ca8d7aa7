// Which GPUs there are, and why libtorch reaches none of them where that is so.
import { existsSync, readFileSync } from "node:fs";
import { readCurrentBuild } from "../../../setup/current.mjs";
import { addon, type GpuDriver, hasCudaPart } from "../addon.ts";
import { engineCall } from "../operators.ts";

/** What this machine has and what libtorch makes of it. */
export interface GpuFacts {
  /** The driver's version, such as "580.65.06"; null where none is loaded. */
  driverVersion: string | null;
  /** As the driver lists them. */
  devices: GpuDriver["devices"];
  /** GPUs that libtorch reaches. */
  reached: number;
  /** Why it reaches none although there is one, in a sentence; null where there is nothing to say. */
  problem: string | null;
}

/** Asks driver and libtorch. */
export function gpuFacts(): GpuFacts {
  const driver = addon().gpuDriver();
  const { cudaDevices: reached, config } = addon().engine();
  const lib = readCurrentBuild()?.libtorch.lib;
  const seen: Seen = {
    driver,
    hasCudaPart: lib !== undefined && hasCudaPart(lib),
    cudaOfLibtorch: /CUDA Runtime (\d+\.\d+)/.exec(config)?.[1],
    hasDeviceFile: existsSync("/dev/nvidia0") || existsSync("/proc/driver/nvidia/gpus"),
    visible: process.env.CUDA_VISIBLE_DEVICES,
  };
  return {
    driverVersion: driverVersion(),
    devices: driver?.devices ?? [],
    reached,
    problem: reached > 0 ? null : problemOf(seen),
  };
}

/** Bytes that are free on a device; null for the CPU, and where this libtorch does not say. */
export const freeMemory = (device: string): number | null =>
  engineCall("freeMemory", [device], () => addon().freeMemory(device));

/** What the sentence is made of. */
export interface Seen {
  driver: GpuDriver | null;
  hasCudaPart: boolean;
  /** The CUDA that libtorch was built with, where it says so. */
  cudaOfLibtorch: string | undefined;
  /** Whether the kernel has a GPU of NVIDIA's. */
  hasDeviceFile: boolean;
  /** CUDA_VISIBLE_DEVICES. */
  visible: string | undefined;
}

/** Why libtorch reaches no GPU; null where there is none to reach, or where nobody asked for one (a CPU build without a GPU). */
export function problemOf({ driver, hasCudaPart, cudaOfLibtorch, hasDeviceFile, visible }: Seen): string | null {
  const hasGpu = hasDeviceFile || (driver?.devices.length ?? 0) > 0;
  if (!hasGpu) return null;
  if (!hasCudaPart)
    return "there is a GPU, but this libtorch is built for the processor alone; one with CUDA is needed; run `npx selfsight setup --libtorch cuda`, or name one in place of `cuda`";
  if (visible !== undefined && /^(-1.*|\s*)$/.test(visible))
    return `there is a GPU, but CUDA_VISIBLE_DEVICES is ${JSON.stringify(visible)}, which hides it; unset it, or give the GPU's number`;
  if (driver === null)
    return "there is a GPU, but its driver's library libcuda.so.1 is not found; the driver's user part is needed; install it, or start the container with GPU support (--gpus all)";
  if (cudaOfLibtorch !== undefined && isOlder(driver.cudaVersion, cudaOfLibtorch))
    return `there is a GPU, but its driver serves CUDA up to ${driver.cudaVersion} and this libtorch needs ${cudaOfLibtorch}; update the driver, or name a libtorch for an older CUDA and run \`npx selfsight setup\``;
  if (driver.status !== 0)
    return `there is a GPU, but its driver does not start (${statusName(driver.status)}); see \`nvidia-smi\`, and the permissions of /dev/nvidia*`;
  return "there is a GPU and a driver, but this libtorch reaches none; see `nvidia-smi`, and whether driver and libtorch fit";
}

const isOlder = (version: string, needed: string): boolean => Math.floor(Number(version)) < Math.floor(Number(needed));

/** The driver's own names of its commonest refusals (CUresult). */
const statusNames: Readonly<Record<number, string>> = {
  2: "out of memory",
  3: "not initialised",
  34: "only a stub of the driver is installed",
  100: "no device",
  101: "invalid device",
  304: "the operating system refused",
  802: "the system is not ready",
  803: "driver and kernel module are of different versions",
  804: "this driver does not serve the card with a newer CUDA",
  999: "unknown",
};
const statusName = (status: number): string =>
  `error ${status}${statusNames[status] ? `, ${statusNames[status]}` : ""}`;

function driverVersion(): string | null {
  try {
    return /Kernel Module[^\d]*([\d.]+)/.exec(readFileSync("/proc/driver/nvidia/version", "utf8"))?.[1] ?? null;
  } catch {
    return null;
  }
}
