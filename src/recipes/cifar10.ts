// selfsight pretrain cifar10 --recipe cifar10
// Barlow Twins on CIFAR-10: ResNet-18 with the small-image stem, 200 epochs, batch 128. The settings are LightlySSL's for this
// benchmark (kNN 84.2 % there), except that the rate follows the cosine per step. A GPU's work: about 2 s a step on 2 cores.
import { barlowTwinsViews } from "../augment/index.ts";
import type { PartialSettings } from "../train/index.ts";

export const cifar10: PartialSettings = {
  method: "barlow-twins",
  backbone: "resnet18",
  size: 32,
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  projector: "2048-2048",
  lambda: 0.005,
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  optimizer: {
    name: "sgd",
    learningRate: 0.12,
    biasLearningRate: null,
    weightDecay: 5e-4,
    decaysBiases: true,
    momentum: 0.9,
  },
};
