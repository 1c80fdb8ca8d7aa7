import { accessSync, constants, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { cudaAddon, currentRecord, isNamed, readCurrentBuild } from "../../setup/current.mjs";
import { displayName, SelfsightError } from "../errors.ts";

/** The data types that cross the border; float16 and bfloat16 are read out as float32. */
export type DType =
  | "uint8"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "bfloat16"
  | "float32"
  | "float64"
  | "bool";

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** A tensor's number in the addon's slot table. */
export type Handle = number;

/** A list of handles as it crosses the border: one call instead of one for each element. */
export type Handles = Float64Array;

export function handlesOf(tensors: readonly { readonly handle: Handle }[]): Handles {
  const handles = new Float64Array(tensors.length);
  for (let i = 0; i < handles.length; i++) handles[i] = tensors[i]!.handle;
  return handles;
}

/** What NVIDIA's driver says; status is cuInit's, 0 where all is well. */
export interface GpuDriver {
  status: number;
  /** The newest CUDA that it serves, such as "13.0". */
  cudaVersion: string;
  devices: { name: string; memoryBytes: number; computeCapability: string }[];
}

/** The functions of native/*.cc. */
export interface Addon {
  /** The libtorch version that it was compiled against. */
  readonly builtFor: string;
  findOperator(name: string, overload: string, argumentNames: string[]): number | null;
  schemaOf(operator: number): string;
  call(operator: number | undefined, ...values: readonly unknown[]): unknown;
  fromTypedArray(array: NumberArray, shape: readonly number[], dtype: DType): Handle;
  borrowTypedArray(array: NumberArray, shape: readonly number[], dtype: DType): Handle;
  toTypedArray(handle: Handle): NumberArray;
  lendTypedArray(handle: Handle): NumberArray;
  describe(handle: Handle): { shape: number[]; dtype: DType; device: string };
  item(handle: Handle): number;
  free(handles: Handles): void;
  isAlive(handle: Handle): boolean;
  tensorCounts(): { live: number; peak: number; bytes: number };
  backward(roots: Handles, gradients: Handles | undefined, retainGraph: boolean): void;
  gradients(outputs: Handles, inputs: Handles, gradients: Handles | undefined, retainGraph: boolean): (Handle | null)[];
  gradientOf(handle: Handle): Handle | null;
  setGradient(handle: Handle, gradient: Handle | null): void;
  setData(handle: Handle, values: Handle): void;
  requiresGrad(handle: Handle, wanted?: boolean): boolean;
  gradMode(wanted: boolean): boolean;
  autocast(device: string, wanted: boolean, dtype: DType): { enabled: boolean; dtype: DType };
  manualSeed(seed: number): void;
  randomState(device: string): Handle;
  setRandomState(device: string, state: Handle): void;
  threads(wanted?: number): number;
  loadLibrary(path: string): void;
  engine(): { builtFor: string; cudaDevices: number; config: string };
  synchronize(): void;
  giveBackMemory(): void;
  /** A place in a device's work; null for the CPU. */
  mark(device: string): object | null;
  awaitMark(mark: object): void;
  sendBytes(parts: readonly Uint8Array[], device: string): object;
  receiveBytes(travelling: object): Handle;
  /** What this thread gives its device from here on is captured, not done; by a library at `part`. */
  beginGraph(part: string): object;
  endGraph(graph: object): void;
  replayGraph(graph: object): void;
  releaseGraph(graph: object): void;
  /** Returns the stream that was in use. */
  useOwnStream(device: string): object;
  useStream(stream: object): void;
  /** Bytes that are free on a device; null where nobody says. */
  freeMemory(device: string): number | null;
  lockFile(file: number): boolean | null;
  gpuDriver(): GpuDriver | null;
  views(bytes: Handle, recipe: Float64Array, jobs: Float64Array, onGpu: boolean): Handle;
  openGpuViews(place: number, libraries: string[]): void;
  /** Undefined, with all that follows, where libtorch is older than 2. */
  openStore?(host: string, port: number, keepsIt: boolean, milliseconds: number): object;
  storeSet(store: object, key: string, text: string, milliseconds: number): void;
  storeGet(store: object, key: string, milliseconds: number): string;
  storeAdd(store: object, key: string, amount: number, milliseconds: number): number;
  startPulse(store: object, key: string, milliseconds: number): object;
  stopPulse(pulse: object): void;
  openGroup(
    store: object,
    prefix: string,
    rank: number,
    size: number,
    address: string,
    networkInterface: string,
    milliseconds: number,
  ): object;
  openNccl(group: object, device: number, part: string): boolean;
  leaveGroup(group: object): void;
  gatherRows(group: object, rows: Handle, counts: readonly number[]): Handle;
  sumTensors(group: object, tensors: Handles): void;
  openGradientSum(group: object, parameters: Handles, isWhole: readonly number[], lengths: readonly number[]): object;
  openBuckets(sum: object, count: number): void;
  finishGradientSum(sum: object): number;
  closeGradientSum(sum: object): void;
  takeTensor(group: object, tensor: Handle, rank: number): void;
  globalBatchNorm(
    group: object,
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    runningMean: Handle,
    runningVariance: Handle,
    sizes: readonly number[],
  ): Handle;
}

let loaded: Addon | undefined;

/** The addon, loaded at first use (so that `--help` and the data layer never pay for it). */
export function addon(): Addon {
  loaded ??= loadAddon();
  return loaded;
}

function loadAddon(): Addon {
  const build = readCurrentBuild();
  if (!build) {
    refuseUnreadable(currentRecord());
    throw new SelfsightError(
      "configuration",
      "engine: it is not set up for this version of Selfsight; libtorch and an addon compiled for it are needed, once; run `npx selfsight setup`",
    );
  }
  refuseAnotherLibtorch(build.libtorch);
  refuseUnreadable(join(build.libtorch.lib, "libtorch_cpu.so"));
  refuseUnreadable(build.addonPath);
  refuseDeletedFolder();
  const native = requireAddon(build.addonPath);
  refuseAnotherVersion(native.builtFor, build.libtorch.version);
  openCuda(native, build.libtorch.lib);
  useAllCores(native);
  return native;
}

/** oneMKL ends the whole process where the current folder is gone. */
function refuseDeletedFolder(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new SelfsightError(
      "storage",
      "engine: the current folder was deleted; a folder that stands is needed; change to one (cd) and start again",
      { cause },
    );
  }
}

function requireAddon(path: string): Addon {
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new SelfsightError(
      "configuration",
      `engine: the native addon does not load (${reason}); libtorch was moved, or the addon belongs to another machine; run \`npx selfsight setup\``,
      { cause },
    );
  }
}

function refuseAnotherLibtorch(built: { root: string; version: string; source: string }): void {
  const wanted = process.env.SELFSIGHT_LIBTORCH;
  if (!wanted || isNamed(built, wanted)) return;
  throw new SelfsightError(
    "configuration",
    `engine: SELFSIGHT_LIBTORCH is ${wanted}, but the addon was built for libtorch ${built.version} in ${built.root}; one addon serves one libtorch; run \`npx selfsight setup\` with this SELFSIGHT_LIBTORCH`,
  );
}

function refuseAnotherVersion(builtFor: string, found: string): void {
  const release = (version: string) => version.split("+")[0];
  if (release(builtFor) === release(found)) return;
  throw new SelfsightError(
    "configuration",
    `engine: the addon was built for libtorch ${builtFor}, found ${found}; the versions must be equal; run \`npx selfsight setup\``,
  );
}

/** Some builds (Debian's 1.13) count two hardware threads as one core and start with a single thread, unless told otherwise. */
function useAllCores(native: Addon): void {
  if (process.env.OMP_NUM_THREADS === undefined && native.threads() === 1) native.threads(availableParallelism());
}

/**
 * The addon is linked to the CPU part only; where the found libtorch has a CUDA part, opening it registers its kernels. It must be the
 * first thing that happens: libtorch asks once whether there is a CUDA part, and a "no" stands until the process ends.
 */
function openCuda(native: Addon, lib: string): void {
  if (hasCudaPart(lib)) native.loadLibrary(cudaPart(lib));
}

const cudaPart = (lib: string): string => join(lib, "libtorch_cuda.so");

/** Whether the libtorch of this folder was built for GPUs. */
export const hasCudaPart = (lib: string): boolean => existsSync(cudaPart(lib));

// ---- what another user's files look like from here: a loader says "not found" where it may not look ----

/** Errors: configuration, when this user may not read `path`, naming the outermost part that is closed. A missing file is another's matter. */
export function refuseUnreadable(path: string): void {
  if (!isDenied(path, constants.R_OK)) return;
  const closed = closedPart(path);
  const wanted = closed === path ? "" : `, where ${displayName(path)} is`;
  throw new SelfsightError(
    "configuration",
    `engine: no permission to read ${displayName(closed)}${wanted}; this user must be able to read it; change its permissions, or set SELFSIGHT_LIBTORCH to a libtorch that this user may read and run \`npx selfsight setup\``,
  );
}

/** The outermost part of a path that is closed. */
function closedPart(path: string): string {
  const above = dirname(path);
  return isDenied(above, constants.X_OK) ? closedPart(above) : path;
}

function isDenied(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EACCES";
  }
}

/** The library for NCCL and CUDA graphs; empty where set-up found no headers of CUDA's to compile it with. */
export function cudaAddonPath(): string {
  const path = join(dirname(readCurrentBuild()!.addonPath), cudaAddon);
  return existsSync(path) ? path : "";
}
