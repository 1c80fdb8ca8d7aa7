// What solo-learn's runs on CIFAR-10 share: its scripts of July 2022 (bash_files/pretrain/cifar), without blur as its table was made.
import type { PartialSettings } from "../../train/index.ts";

export const soloLearn: PartialSettings = {
  backbone: "resnet18",
  stem: "small",
  size: 32,
  zeroInitResidual: false,
  batchSize: 256,
  epochs: 1000,
  warmupEpochs: 10,
  floor: 0,
  cosinePer: "step",
};

/** LARS at one rate for weights and biases, eta 0.02, no step longer than SGD's; biases and norms are neither adapted nor decayed. */
export const soloLearnLars = (
  learningRate: number,
  weightDecay: number,
): NonNullable<PartialSettings["optimizer"]> => ({
  name: "lars",
  learningRate,
  batchRule: "linear",
  biasLearningRate: null,
  weightDecay,
  decaysBiases: false,
  adaptsBiases: false,
  eta: 0.02,
  clipsRatio: true,
  momentum: 0.9,
});
