// A step that needs more memory than there is: what would fit is found by taking that step in smaller parts.
import type { PlacedBatch } from "../augment/index.ts";
import { SelfsightError } from "../errors.ts";
import { giveBackMemory } from "../torch/index.ts";
import { partsOf } from "./micro-batch.ts";
import { methodOf, methodSettings, type Settings } from "./settings/settings.ts";
import type { TrainState } from "./state.ts";
import { enqueueStep } from "./step.ts";

export const isOutOfMemory = (error: unknown): error is SelfsightError =>
  error instanceof SelfsightError && error.kind === "memory";

/**
 * The error of a step that ran out of memory, with what would fit. Nothing is reckoned: the step is taken in halves, quarters and so on
 * of what was tried, until one goes through on this device with what else lies in its memory. `state` is not to be used after that; the
 * last checkpoint stands.
 */
export function withFittingParts(state: TrainState, batch: PlacedBatch, error: SelfsightError): SelfsightError {
  const { settings, step } = state;
  const fitting = smallerParts(settings).find((images) => goesThrough(state, batch, images));
  const tried = `step ${step + 1}, ${partOf(settings)} images at a time: ${error.message}`;
  return new SelfsightError("memory", `${tried}; ${adviceFor(settings, fitting)}`, { cause: error });
}

/** The error where several processes share the step: one alone cannot try another, so half of what was tried is named. */
export function withGuess({ settings, step }: TrainState, processes: number, error: SelfsightError): SelfsightError {
  const own = Math.ceil(partOf(settings) / processes);
  const half = smallerParts(settings, processes)[0];
  const change = half === undefined ? "" : `, or a new run with ${optionFor(settings, half)}, which was not tried`;
  return new SelfsightError(
    "memory",
    `step ${step + 1}, ${own} images at a time in this process: ${error.message}; more memory, or fewer images at a time, are needed; start more processes${change}`,
    { cause: error },
  );
}

const optionFor = (settings: Settings, images: number): string =>
  isCut(settings) ? `--set microBatch=${images}` : `--batch ${images}`;

const partOf = ({ microBatch, batchSize }: Settings): number => microBatch ?? batchSize;

/** What may be tried, each at most half of the one before: divisors of the batch, or smaller batches where the loss is a mean over images. */
function smallerParts(settings: Settings, processes = 1): number[] {
  const { batchSize } = settings;
  const least = isCut(settings) ? 2 : methodOf(settings).smallestBatch(methodSettings(settings));
  const isAllowed = (images: number) => !isCut(settings) || (batchSize % images === 0 && images % processes === 0);
  const parts: number[] = [];
  for (let images = partOf(settings) - 1; images >= least; images--)
    if (isAllowed(images) && images <= (parts.at(-1) ?? partOf(settings)) / 2) parts.push(images);
  return parts;
}

/** Whether the method takes its batch in parts; where it does not, a smaller batch teaches the same. */
const isCut = (settings: Settings): boolean => methodOf(settings).couplesImages === true;

function goesThrough(state: TrainState, batch: PlacedBatch, images: number): boolean {
  state.optimizer.clearGradients();
  giveBackMemory(); // else the heap holds what oneDNN needs for its code
  const change = isCut(state.settings) ? { microBatch: images } : { batchSize: images };
  const own = isCut(state.settings) ? batch : partsOf(batch, images)[0]!;
  try {
    const { graphs: _, ...run } = state; // a step that is played back has the whole batch
    enqueueStep({ ...run, settings: { ...state.settings, ...change } }, own).read();
    return true;
  } catch (error) {
    return error instanceof SelfsightError && error.kind === "numerics"; // it had the memory
  }
}

function adviceFor(settings: Settings, fitting: number | undefined): string {
  const needed = "more memory, or fewer images at a time, are needed";
  if (fitting === undefined)
    return `${needed}; no smaller part went through either; lower --size or --set width, choose a smaller --backbone, or free memory`;
  const tried = `${fitting} at a time went through here just now`;
  if (!isCut(settings)) return `${needed}; ${tried}; start a new run with ${optionFor(settings, fitting)}`;
  return `${needed}; ${tried}; start a new run with ${optionFor(settings, fitting)}, which keeps loss and gradient those of ${settings.batchSize} images (batch norm in the trunk sees ${fitting})`;
}
