// N pictures, B of a batch, S side in pixels, D features, C classes
import { feedTo, makeViews, type PlacedBatch, type ViewRecipe } from "../../augment/index.ts";
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { supervisedLoss } from "../../methods/index.ts";
import { freeOptimizer, type Optimizer, type ParameterGroup, sgd } from "../../nn/index.ts";
import { scope, type Tensor, tensor } from "../../torch/index.ts";
import { refuseOtherPictures, type Sharing } from "../shared-batches.ts";
import { type Company, joinCompany } from "./company.ts";
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
  onEpoch?: (epoch: number) => Promise<void>;
  /** Processes that learn the same together, each from its own rows of every batch. Default this one alone. */
  sharing?: Sharing | undefined;
}

/**
 * Learns to name pictures: mean cross-entropy in float32, SGD with momentum, each epoch in a keyed order, each view keyed by (seed,
 * epoch, picture). So a repeat with the same seed, threads and device ends with the same bits. Loss, gradient and batch norm of several
 * processes are those of the whole batch. Returns the steps taken.
 *
 * @throws SelfsightError "numerics" where a loss was not finite; "data" for too many bad files.
 */
export async function trainClassifier(training: ClassifierTraining): Promise<{ steps: number }> {
  const { train, recipe, decodeSize, seed, groups, onBadFile, onProgress } = training;
  const { momentum, nesterov, epochs, batchSize, schedule } = recipe;
  await refuseOtherPictures(training.sharing, train);
  const company = joinCompany(training);
  const optimizer = sgd(groups, { momentum, nesterov });
  let [epoch, done] = [0, 0];
  const endEpoch = async () => {
    refuseDiverged(optimizer, epoch);
    await training.onEpoch?.(epoch + 1);
  };
  const reader = epochBatches(train, { epochs, batchSize, seed, decodeSize, onBadFile, share: company?.share });
  const feed = feedTo(reader, training.device);
  try {
    for await (const batch of feed.batches) {
      if (batch.epoch !== epoch) await endEpoch();
      epoch = batch.epoch;
      learnBatch({ ...training, optimizer, company }, batch, epochFactor(schedule, epoch, epochs));
      await feed.lookAhead();
      done += batch.total!;
      onProgress?.(done, epochs * train.length);
      await new Promise(setImmediate); // signals and timers have their turn
    }
    if (done === 0) throw nothingToLearn(train);
    await endEpoch();
    return { steps: optimizer.counters.updates };
  } finally {
    freeOptimizer(optimizer);
    company?.leave();
  }
}

const nothingToLearn = ({ name, length }: Dataset) =>
  new SelfsightError(
    "data",
    `evaluate: ${length} labelled images of ${displayName(name)}, fewer than two of which could be read; two or more are needed; check the files`,
  );

interface Learning extends ClassifierTraining {
  optimizer: Optimizer;
  company: Company | undefined;
}

/** One step. */
function learnBatch(learning: Learning, batch: PlacedBatch, factor: number): void {
  const { view, seed, device, logits, optimizer, company } = learning;
  scope(() => {
    const [images] = makeViews(batch, [view], { seed, device }); // [b, 3, S, S]
    const classes = tensor(batch.labels!, [batch.indices.length], { device }).to("int64"); // [b]
    const ofAll = (rows: Tensor) => company?.gather(rows, batch.total!) ?? rows; // [B, ...]
    const { loss } = supervisedLoss(ofAll(logits(images!)), ofAll(classes));
    company?.gradients.open(1);
    loss.backward();
    company?.gradients.finish();
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
