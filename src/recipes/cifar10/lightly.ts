// What LightlySSL's runs on CIFAR-10 share, as of its commit 42a6a924 of April 2023, just before its table was written. Three things
// are not ours: its convolutions start as PyTorch's do, there is no ReLU after its stem, and its figure is the best of all epochs on
// the test split.
import type { ViewRecipe } from "../../augment/index.ts";
import { simclrViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const lightly: PartialSettings = {
  backbone: "resnet18",
  stem: "small",
  size: 32,
  zeroInitResidual: false,
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
};

/** SGD at 0.06 for its batch of 128; everything decays. */
export const lightlySgd: NonNullable<PartialSettings["optimizer"]> = {
  name: "sgd",
  learningRate: 0.12,
  batchRule: "linear",
  biasLearningRate: null,
  weightDecay: 5e-4,
  decaysBiases: true,
  momentum: 0.9,
};

/** SimCLR's views, equal on both sides, for all methods but SimSiam and SwAV; crops are resized bilinearly there. */
export const lightlyViews: ViewRecipe[] = simclrViews({ size: 32, normalize: "imagenet" }).map((view) => ({
  ...view,
  crop: { ...view.crop, interpolation: "bilinear" },
}));
