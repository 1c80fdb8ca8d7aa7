// selfsight pretrain IMAGENET/train --recipe imagenet/vicreg
// VICReg's recipe (arXiv 2105.04906, section 4.2): ResNet-50, 1000 epochs, batch 2048, LARS at 1.6, weights 25, 25 and 1.
// Expected: 73.2 % linear top-1 (68.6 % after 100 epochs: 11 hours on 32 V100). Not run by us.
import type { PartialSettings } from "../../train/index.ts";

export const vicreg: PartialSettings = {
  method: "vicreg",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  projector: "8192-8192-8192",
  invariance: 25,
  variance: 25,
  covariance: 1,
  batchSize: 2048,
  epochs: 1000,
  warmupEpochs: 10,
  floor: 0.001,
  optimizer: { name: "lars", learningRate: 0.2, weightDecay: 1e-6, decaysBiases: false },
};
