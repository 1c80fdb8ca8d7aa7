import { cifar10Lars } from "../../../recipes/index.ts";
import type { PartialSettings } from "../../../train/index.ts";

/**
 * Runs of minutes on two cores: a quarter of ResNet-18's channels, a stem that halves the picture, a cosine down to 0. LARS, because
 * one rate then serves losses of any scale: its steps are shares of a weight's norm. Barlow Twins' loss, a sum over the features, makes
 * SGD's first steps blow the weights up unless it is scaled down (docs/performance.md, "Which start learns").
 */
export const shortRuns: PartialSettings = {
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 16,
  zeroInitResidual: false,
  size: 32,
  batchSize: 128,
  warmupEpochs: 0.25,
  floor: 0,
  cosinePer: "step",
  optimizer: { ...cifar10Lars, adaptsBiases: false },
};
