import { SelfsightError } from "../errors.ts";
import { addon, type DType, handlesOf } from "./addon.ts";
import { tensor } from "./create.ts";
import { engineCall } from "./operators.ts";
import { type RefusedPromise, refusePromise } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** Runs `body` without recording for autograd. */
export function noGrad<T>(body: () => T, ..._refused: RefusedPromise<T>): T {
  const before = addon().gradMode(false);
  try {
    const result = body();
    refusePromise("noGrad", result);
    return result;
  } finally {
    addon().gradMode(before);
  }
}

/** Whether operations are recorded for gradients. */
export function isRecording(): boolean {
  const is = addon().gradMode(true);
  addon().gradMode(is);
  return is;
}

export interface AutocastOptions {
  /** What matrix products and convolutions compute in; "float32" switches autocast off for `body`. */
  dtype: DType;
  /** Default "cpu". */
  device?: string;
}

/** Runs `body` with matrix products and convolutions in a shorter type; sums, norms and losses stay in float32. */
export function autocast<T>(
  { dtype, device = "cpu" }: AutocastOptions,
  body: () => T,
  ..._refused: RefusedPromise<T>
): T {
  const isShort = dtype !== "float32";
  const before = engineCall("autocast", [dtype, device], () =>
    addon().autocast(device, isShort, isShort ? dtype : "bfloat16"),
  );
  try {
    const result = body();
    refusePromise("autocast", result);
    return result;
  } finally {
    addon().autocast(device, before.enabled, before.dtype);
  }
}

/** One backward pass from several tensors at once, each with dL/d(itself): adds to the gradient of every leaf. */
export function backward(outputs: readonly Tensor[], outputGradients: readonly Tensor[]): void {
  engineCall("backward", outputs, () => addon().backward(handlesOf(outputs), handlesOf(outputGradients), false));
}

/** d(outputs)/d(inputs) without touching any `.grad`; undefined where an input was not used. */
export function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  { retainGraph = false } = {},
): (Tensor | undefined)[] {
  const found = engineCall("gradients", outputs, () =>
    addon().gradients(handlesOf(outputs), handlesOf(inputs), undefined, retainGraph),
  );
  return found.map((handle) => (handle === null ? undefined : new Tensor(handle)));
}

/** Seeds libtorch's generators of every device; a whole number from 0 to 2^53 - 1. */
export const manualSeed = (seed: number): void => engineCall("manualSeed", [seed], () => addon().manualSeed(seed));

/** The generator's state as bytes; a checkpoint keeps it. */
export function randomState(device = "cpu"): Uint8Array {
  const state = new Tensor(engineCall("randomState", [device], () => addon().randomState(device)));
  const bytes = state.data() as Uint8Array;
  state.free();
  return bytes;
}

export function setRandomState(bytes: Uint8Array, device = "cpu"): void {
  const state = tensor(bytes);
  try {
    engineCall("setRandomState", [state, device], () => addon().setRandomState(device, state.handle));
  } finally {
    state.free();
  }
}

/** The threads that one operator may use; given a number, sets it. */
export const threads = (wanted?: number): number => engineCall("threads", [wanted], () => addon().threads(wanted));

/** Opens a shared library whose operators then can be called (such as torchvision's). Errors: configuration, with the reason. */
export function loadLibrary(path: string): void {
  try {
    addon().loadLibrary(path);
  } catch (cause) {
    throw new SelfsightError(
      "configuration",
      `load library: ${(cause as Error).message}; a shared library built for libtorch ${engine().builtFor} is needed; check the path and the version`,
      { cause },
    );
  }
}

/** Waits until the device has done all its work; needed before reading a clock. */
export const synchronize = (): void => engineCall("synchronize", [], () => addon().synchronize());

/** Gives freed memory back to the system, and keeps none for a next step from here on: for when it ran out. */
export const giveBackMemory = (): void => addon().giveBackMemory();

/** libtorch's version, GPUs in reach, build configuration. */
export const engine = () => addon().engine();

/**
 * Asks the kernel for the lock of an open file: true when this opening holds it alone, false when another does, null where the
 * file system knows no such locks. It is let go when the file is closed or the process ends, however it ends.
 */
export const lockFile = (file: number): boolean | null => addon().lockFile(file);
