// selfsight pretrain cifar10 --recipe cifar10
// Barlow Twins on CIFAR-10: solo-learn's network, views, batch and loss, with the paper's LARS at a rate for small batches, so that a
// run of any length learns: a narrow network came to 38 % kNN in two epochs this way, by solo-learn's own LARS to 19 % in two and 36 % in
// six (docs/performance.md, "Which start learns"). That row stands in the plan `cifar10-1000-epochs` (linear 92.10 %, by a classifier
// trained beside the network). --epochs 12 warms up in 1.2. The 1000 epochs are a GPU's work of hours, not run by us.
import { barlowTwinsViews } from "../augment/index.ts";
import type { PartialSettings } from "../train/index.ts";
import { soloLearn } from "./cifar10/solo-learn.ts";

/** LARS as Barlow Twins learns with it on CIFAR-10, whatever the length of the run. */
export const cifar10Lars: NonNullable<PartialSettings["optimizer"]> = {
  name: "lars",
  learningRate: 4,
  batchRule: "linear",
  biasLearningRate: 0.1,
  weightDecay: 1e-4,
  decaysBiases: false,
  momentum: 0.9,
};

export const cifar10: PartialSettings = {
  ...soloLearn,
  method: "barlow-twins",
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  projector: "2048-2048-2048",
  lambda: 0.0051,
  optimizer: cifar10Lars,
};
