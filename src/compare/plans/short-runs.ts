import type { PartialSettings } from "../../train/index.ts";

/** Runs of minutes on two cores: a sixteenth of ResNet-18's channels squared, SGD at one rate, a cosine down to 0. */
export const shortRuns: PartialSettings = {
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 16,
  size: 32,
  batchSize: 256,
  warmupEpochs: 0.5,
  floor: 0,
  cosinePer: "step",
  optimizer: {
    name: "sgd",
    learningRate: 0.1,
    batchRule: "linear",
    biasLearningRate: null,
    weightDecay: 5e-4,
    decaysBiases: false,
    momentum: 0.9,
  },
};
