// selfsight quickstart --data shapes, or: selfsight pretrain shapes --recipe shapes
// Barlow Twins on pictures that Selfsight draws itself: no network, no files, a few minutes on two cores.
import type { PartialSettings } from "../train/index.ts";

export const shapes: PartialSettings = {
  method: "barlow-twins",
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 24,
  size: 32,
  projector: "512-512-512",
  lambda: 0.01,
  batchSize: 256,
  epochs: 40,
  warmupEpochs: 1,
  floor: 0,
  optimizer: { name: "sgd", learningRate: 0.1, biasLearningRate: null, weightDecay: 1e-4, momentum: 0.9 },
};
