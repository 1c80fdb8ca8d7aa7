// selfsight speedrun cifar10 --target 80, and --target 90
// The shortest way to 80 and 90 % kNN on CIFAR-10 that we would try on one GPU (goals on an H200: 5 minutes, 30 minutes). Not run on a
// GPU by us, so epochs, and whether the targets are reached at all, are a plan. Where it comes from: the network of the published rows
// (solo-learn's), our LARS for runs of any length (recipe `cifar10`), half of the epochs at 24 pixels, where the trunk has 9/16 of its
// work. For 90 mixed views at the weight and lambda of Mixed Barlow Twins' code (arXiv 2312.02151; 90.5 % kNN after 2000 epochs there):
// half as much work again in a step, against overfitting in a long run. What was tried, narrow and on a processor, and what it showed:
// docs/speedrun.md. A tenth of the training pictures is held out and decides when the target is reached.
import { barlowTwinsViews } from "../augment/index.ts";
import type { PartialSettings } from "../train/index.ts";
import { soloLearn } from "./cifar10/solo-learn.ts";
import { cifar10Lars } from "./cifar10.ts";

const shared: PartialSettings = {
  ...soloLearn,
  method: "barlow-twins",
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  earlySize: 24,
  earlyShare: 0.5,
  precision: "bf16",
  holdOut: 0.1,
  observeEverySteps: 0,
  logEverySteps: 10,
  checkpointEveryMinutes: 30,
  optimizer: cifar10Lars,
};

export const cifar10Speedrun80: PartialSettings = {
  ...shared,
  projector: "1024-1024",
  lambda: 0.0051,
  epochs: 40,
  warmupEpochs: 4,
  knnEveryEpochs: 1,
};

export const cifar10Speedrun90: PartialSettings = {
  ...shared,
  projector: "2048-1024",
  lambda: 1 / 128,
  mixing: 4,
  epochs: 300,
  warmupEpochs: 10,
  knnEveryEpochs: 5,
};
