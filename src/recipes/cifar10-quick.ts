// selfsight pretrain cifar10 --recipe cifar10-quick
// Barlow Twins on CIFAR-10 in 20 minutes on two cores (AVX-512, bf16): a ResNet-18 of 32 channels whose stem halves the picture at
// once, about 560 images/s. Expected: 50 % kNN (docs/performance.md, "CIFAR-10 in 20 minutes"). LARS as in the paper: its steps are
// shares of a weight's norm, so that a loss which is a sum over 512 features does no harm to short runs.
import { barlowTwinsViews } from "../augment/index.ts";
import type { PartialSettings } from "../train/index.ts";

export const cifar10Quick: PartialSettings = {
  method: "barlow-twins",
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 32,
  zeroInitResidual: false,
  size: 32,
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  projector: "512-512",
  lambda: 0.005,
  batchSize: 256,
  epochs: 11,
  warmupEpochs: 0.5,
  floor: 0,
  knnEveryEpochs: 3,
  optimizer: { name: "lars", learningRate: 4, biasLearningRate: 0.1, weightDecay: 1e-4, momentum: 0.9 },
};
