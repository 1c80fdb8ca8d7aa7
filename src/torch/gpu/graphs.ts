// Work that a device was given once and does again by one command: the host's calls are what a short step waits for on a GPU.
import { CallError, SelfsightError } from "../../errors.ts";
import { addon, cudaAddonPath } from "../addon.ts";
import { engineCall } from "../operators.ts";

export interface Graph {
  /** The device does the work again, on the same tensors, behind what it was given before. */
  replay(): void;
  free(): void;
}

let capturing = false;

/** Whether the device's work is written down instead of done. */
export const isCapturing = (): boolean => capturing;

/**
 * Writes down what `body` gives the device; none of it is done until `replay`. Tensors born in it keep their places from one time to the
 * next. It runs on a stream of its own (`useOwnStream`), and may read no number of a tensor and bring none from the program: they would be
 * those of this once. `part`: the library that captures. Errors: configuration, where set-up compiled none; an operator's that cannot be captured.
 */
export function capture<T>(body: () => T, part = cudaAddonPath()): { graph: Graph; result: T } {
  if (part === "") throw noPart();
  const handle = engineCall("beginGraph", [], () => addon().beginGraph(part));
  try {
    const result = whileCapturing(body);
    engineCall("endGraph", [], () => addon().endGraph(handle));
    return { graph: graphOf(handle), result };
  } catch (error) {
    abandon(handle);
    throw error;
  }
}

const noPart = () =>
  new SelfsightError(
    "configuration",
    "cudaGraph: the addon's part for CUDA graphs is missing; it is compiled where CUDA's headers lie beside libtorch; run `npx selfsight setup --libtorch cuda --force`, or leave cudaGraph false",
  );

function whileCapturing<T>(body: () => T): T {
  capturing = true;
  try {
    return body();
  } finally {
    capturing = false;
  }
}

const graphOf = (handle: object): Graph => ({
  replay: () => engineCall("replayGraph", [], () => addon().replayGraph(handle)),
  free: () => addon().releaseGraph(handle),
});

/** The error that led here is the one to tell. */
function abandon(handle: object): void {
  for (const end of [() => addon().endGraph(handle), () => addon().releaseGraph(handle)]) {
    try {
      end();
    } catch {
      // a capture that failed cannot be ended in order
    }
  }
}

/** Errors: configuration, while a graph is captured: what crosses between program and device then would be the same in every replay. */
export function refuseWhileCapturing(call: string): void {
  if (!capturing) return;
  throw new CallError(
    `${call}: numbers that pass between program and device while a step is captured; they would be those of this step in all later ones; let the device compute them, or take them from the step's context`,
  );
}

/** From here on this thread's work for a device goes to a stream of its own, on which it can be captured; returns the way back. */
export function useOwnStream(device: string): () => void {
  if (device === "cpu") return () => {};
  const before = engineCall("useOwnStream", [device], () => addon().useOwnStream(device));
  return () => engineCall("useStream", [device], () => addon().useStream(before));
}
