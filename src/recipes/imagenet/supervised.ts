// selfsight pretrain IMAGENET/train --recipe imagenet/supervised
// The supervised baseline: ResNet-50, 90 epochs, batch 256, crop and flip alone. The usual recipe divides the rate by ten every 30
// epochs; this one follows the cosine. Expected: 76.5 % top-1 (arXiv 2002.05709, the papers' supervised row). Not run by us.
import type { PartialSettings } from "../../train/index.ts";

export const supervised: PartialSettings = {
  method: "supervised",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  batchSize: 256,
  epochs: 90,
  warmupEpochs: 0,
  floor: 0,
  optimizer: { name: "sgd", learningRate: 0.1, weightDecay: 1e-4, decaysBiases: true, momentum: 0.9 },
};
