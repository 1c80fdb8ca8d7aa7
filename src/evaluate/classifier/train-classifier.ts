// N pictures, B of a batch, S side in pixels, D features, C classes
import { feedTo, makeViews, type PlacedBatch, type ViewRecipe } from "../../augment/index.ts";
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { supervisedLoss } from "../../methods/index.ts";
import { freeOptimizer, type Optimizer, type ParameterGroup, sgd } from "../../nn/index.ts";
import { scope, type Tensor, tensor } from "../../torch/index.ts";
import { type EpochReading, epochBatches } from "./epoch-batches.ts";
import { type ClassifierRecipe, epochFactor } from "./recipe.ts";

export interface ClassifierTraining {
  /** Labelled pictures. */
  train: Dataset;
  recipe: ClassifierRecipe;
  /** How a picture is changed before it is seen. */
  view: ViewRecipe;
  decodeSize: number;
  device: string;
  /** Of order and views. */
  seed: number;
  /** Pictures [B, 3, S, S] to logits [B, C], with gradients for what the groups hold. */
  logits(images: Tensor): Tensor;
  /** What is learned, each group at a rate of its own, already scaled by the batch. */
  groups: readonly ParameterGroup[];
  onBadFile?: EpochReading["onBadFile"];
  /** Told after each batch how many pictures are done, of all epochs. */
  onProgress?: ((done: number, total: number) => void) | undefined;
  /** Called after each epoch, counted from 1. */
  onEpoch?: (epoch: number) => void;
}

/**
 * Learns to name pictures: mean cross-entropy in float32, SGD with momentum, each epoch in a keyed order, each view keyed by (seed,
 * epoch, picture). So a repeat with the same seed, threads and device ends with the same bits. Returns the steps taken.
 *
 * @throws SelfsightError "numerics" where a loss was not finite; "data" for too many bad files.
 */
export async function trainClassifier(training: ClassifierTraining): Promise<{ steps: number }> {
  const { train, recipe, decodeSize, seed, groups, onBadFile, onProgress } = training;
  const { momentum, nesterov, epochs, batchSize, schedule } = recipe;
  const optimizer = sgd(groups, { momentum, nesterov });
  let [epoch, done] = [0, 0];
  const endEpoch = () => {
    refuseDiverged(optimizer, epoch);
    training.onEpoch?.(epoch + 1);
  };
  const reader = epochBatches(train, { epochs, batchSize, seed, decodeSize, onBadFile });
  const feed = feedTo(reader, training.device);
  try {
    for await (const batch of feed.batches) {
      if (batch.epoch !== epoch) endEpoch();
      epoch = batch.epoch;
      learnBatch(training, optimizer, batch, epochFactor(schedule, epoch, epochs));
      await feed.lookAhead();
      done += batch.indices.length;
      onProgress?.(done, epochs * train.length);
    }
    if (done === 0) throw nothingToLearn(train);
    endEpoch();
    return { steps: optimizer.counters.updates };
  } finally {
    freeOptimizer(optimizer);
  }
}

const nothingToLearn = ({ name, length }: Dataset) =>
  new SelfsightError(
    "data",
    `evaluate: ${length} labelled images of ${displayName(name)}, fewer than two of which could be read; two or more are needed; check the files`,
  );

/** One step. */
function learnBatch(training: ClassifierTraining, optimizer: Optimizer, batch: PlacedBatch, factor: number): void {
  const { view, seed, device, logits } = training;
  scope(() => {
    const [images] = makeViews(batch, [view], { seed, device }); // [B, 3, S, S]
    const classes = tensor(batch.labels!, [batch.indices.length], { device }).to("int64"); // [B]
    const { loss } = supervisedLoss(logits(images!), classes);
    loss.backward();
    optimizer.step(factor, loss);
    optimizer.clearGradients();
  });
}

function refuseDiverged({ halted }: Optimizer, epoch: number): void {
  if (halted.item() === 0) return;
  throw new SelfsightError(
    "numerics",
    `evaluate: a loss of epoch ${epoch + 1} was not finite; finite losses are needed; lower the rates`,
  );
}
