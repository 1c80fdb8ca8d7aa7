// N images of the batch
import type { DetectionSet } from "../../data/annotations/index.ts";
import { objectsOf } from "../../data/annotations/index.ts";
import type { Streams, Truth } from "../../detect/index.ts";
import { SelfsightError } from "../../errors.ts";
import { namedParameters } from "../../nn/index.ts";
import { keyedStream } from "../../random.ts";
import {
  openGradientSum,
  processGroup,
  type SharedParameter,
  scope,
  sumOverProcesses,
  type Tensor,
} from "../../torch/index.ts";
import type { PictureBatch, ReadPicture } from "./batches.ts";
import { drawnPlacement, filledUp, type Placement, placedPixels, placedTruth } from "./pictures.ts";
import type { DetectorFile } from "./run-file.ts";
import { type DetectorState, rateFactor } from "./state.ts";

/** What a step draws, each from a stream of its own. */
const purposes = { placement: 1, proposals: 2, boxes: 3 } as const;

/** The parts of the loss that a step came to, their sum, and its rate. */
export interface DetectionStep {
  loss: number;
  learningRate: number;
  [part: string]: number;
}

/**
 * One step, start to end: pictures placed, losses, gradients, update. A function of state and batch: all that is drawn is keyed by
 * (seed, epoch, picture). Several processes take it together, each with its own pictures, and come to the numbers and weights of one. A
 * loss that is not finite changes no weight. Errors: numerics.
 */
export function trainDetector(state: DetectorState, set: DetectionSet, batch: PictureBatch): DetectionStep {
  return scope(() => {
    const { images, truths } = learnable(state, set, batch); // [N, 3, h, w]
    const parts = state.network.losses(images, truths, streamsOf(state, batch));
    const loss = Object.values(parts).reduce((sum, part) => sum.add(part)); // []
    loss.backward();
    sumOfAll(state, [loss, ...Object.values(parts)]);
    const factor = rateFactor(state);
    const { updates } = state.optimizer.counters;
    state.optimizer.step(factor, loss);
    state.optimizer.clearGradients();
    const result = { ...numbersOf(parts), loss: loss.item(), learningRate: state.file.settings.learningRate * factor };
    if (!Number.isFinite(result.loss)) throw takeBack(state, updates, result);
    state.step += 1;
    return result;
  });
}

/**
 * Gradients and losses of this process's pictures become those of the whole batch. Gradients leave when the pass is over: what a process's
 * pictures hold must not decide between which sums of a batch norm they go.
 */
function sumOfAll(state: DetectorState, losses: readonly Tensor[]): void {
  const group = processGroup();
  if (!group) return;
  state.gradientSum ??= openGradientSum([sharedParameters(state)], group);
  state.gradientSum.finish();
  sumOverProcesses(losses, group);
}

const sharedParameters = ({ network }: DetectorState): SharedParameter[] =>
  Array.from(namedParameters(network).values(), (parameter) => ({ parameter, isWhole: false }));

const numbersOf = (parts: Record<string, Tensor>): Record<string, number> =>
  Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.item()]));

export function streamsOf({ file }: DetectorState, { pictures }: PictureBatch): Streams {
  const { seed } = file.settings;
  return (i, purpose) => keyedStream(seed, pictures[i]!.epoch, pictures[i]!.image, purposes[purpose]);
}

/** How a picture of the set comes before the network, in one epoch. */
export function placementOf(
  { settings }: DetectorFile,
  set: DetectionSet,
  { image, epoch }: Pick<ReadPicture, "image" | "epoch">,
): Placement {
  const next = keyedStream(settings.seed, epoch, image, purposes.placement);
  return drawnPlacement(set.images[image]!, objectsOf(set, image), settings, next);
}

/** A batch as the network learns from it. */
export function learnable(
  { file, device }: DetectorState,
  set: DetectionSet,
  { pictures, shared }: PictureBatch,
): { images: Tensor; truths: readonly Truth[] } {
  const placed = pictures.map((picture) => {
    const placement = placementOf(file, set, picture);
    const truth = placedTruth(objectsOf(set, picture.image), placement, file.task === "segment", device);
    return { pixels: placedPixels(picture.raw, placement, file.trunk.normalize), truth };
  });
  return filledUp(
    placed.map(({ pixels }) => pixels),
    placed.map(({ truth }) => truth),
    device,
    shared?.size,
  );
}

/** The device changed no weight; the counts follow. */
function takeBack(state: DetectorState, updates: number, result: DetectionStep): SelfsightError {
  state.optimizer.counters.updates = updates;
  state.optimizer.halted.zero_();
  const terms = Object.entries(result).map(([name, value]) => `${name} ${value}`);
  return new SelfsightError(
    "numerics",
    `step ${state.step}: ${terms.join(", ")}; a finite loss is needed; the weights are as before this step; lower learningRate, lengthen warmupSteps, or use --precision fp32`,
  );
}
