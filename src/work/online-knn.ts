import { type Dataset, subset } from "../data/index.ts";
import { backboneRepresentation, evaluateKnn, extractFeatures } from "../evaluate/index.ts";
import type { Module } from "../nn/index.ts";
import { keyedPermutation } from "../random.ts";
import type { Settings, TrainState } from "../train/index.ts";
import { viewOf } from "./representation.ts";

/** Enough for a curve, cheap beside an epoch. */
const bankImages = 5000;
const queryImages = 1000;
/** With fewer images the figure would be noise. */
const fewestImages = 100;
/** Keeps this choice of pictures apart from other uses of the seed. */
const onlineKey = 0x6b6e6e;

type Evaluate = (state: TrainState) => Promise<{ protocol: string; value: number }>;

/**
 * kNN on pictures of the training split that are held out from the bank: a number to watch, not one to report (test labels
 * are never used while training). Undefined where it is switched off, or there are no labels, one class or too few pictures.
 */
export function onlineKnn(settings: Settings, dataset: Dataset): Evaluate | undefined {
  if (settings.knnEveryEpochs === 0 || !dataset.labels || dataset.length < fewestImages) return undefined;
  const { bank, queries } = chosenParts(dataset, settings.seed);
  if (new Set(bank.labels).size < 2) return undefined;
  return async (state) => {
    const representation = stateRepresentation(state);
    const bankFeatures = await extractFeatures(representation, bank);
    const queryFeatures = await extractFeatures(representation, queries);
    const { protocol, value } = evaluateKnn(bankFeatures, queryFeatures, { device: state.device });
    return { protocol: `online ${protocol}, ${bankFeatures.length} + ${queryFeatures.length} train images`, value };
  };
}

/** A fixed choice: the same pictures at every epoch, whatever was resumed. */
function chosenParts(dataset: Dataset, seed: number): { bank: Dataset; queries: Dataset } {
  const order = keyedPermutation(dataset.length, seed, onlineKey);
  const queries = Math.min(queryImages, Math.floor(dataset.length / 5));
  return {
    queries: subset(dataset, order.slice(0, queries)),
    bank: subset(dataset, order.slice(queries, queries + bankImages)),
  };
}

/** The backbone as it stands in training, in evaluation mode for the time of a batch. */
function stateRepresentation({ settings, method, device, precision, step }: TrainState) {
  const backbone = method.trainable.backbone as Module;
  return backboneRepresentation(backbone, { name: `step ${step}`, ...viewOf(settings), device, precision });
}
