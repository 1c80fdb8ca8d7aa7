// selfsight quickstart, or: selfsight pretrain fashion-mnist --recipe fashion-mnist
// Barlow Twins on Fashion-MNIST in a few minutes on two cores: a narrow ResNet-18 whose stem halves the picture at once.
import { barlowTwinsViews } from "../augment/index.ts";
import type { PartialSettings } from "../train/index.ts";

export const fashionMnist: PartialSettings = {
  method: "barlow-twins",
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 24,
  size: 28,
  views: barlowTwinsViews({ size: 28, normalize: "fashion-mnist" }),
  projector: "512-512-512",
  lambda: 0.01,
  batchSize: 256,
  epochs: 8,
  warmupEpochs: 0.5,
  floor: 0,
  optimizer: { name: "sgd", learningRate: 0.1, biasLearningRate: null, weightDecay: 1e-4, momentum: 0.9 },
};
