// selfsight pretrain IMAGENET/train --recipe imagenet/moco-v2
// MoCo v2's recipe (arXiv 2003.04297): ResNet-50, 800 epochs, batch 256, SGD at 0.03, queue of 65536.
// Expected: 71.1 % linear top-1 (67.5 % after 200 epochs: 53 hours on 8 V100). Not run by us.
import type { PartialSettings } from "../../train/index.ts";

export const mocoV2: PartialSettings = {
  method: "moco-v2",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  zeroInitResidual: false,
  projector: "2048-128",
  temperature: 0.2,
  queueLength: 65536,
  momentum: 0.999,
  finalMomentum: 0.999,
  symmetric: false,
  batchNormGroups: 8,
  batchSize: 256,
  epochs: 800,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: { name: "sgd", learningRate: 0.03, weightDecay: 1e-4, decaysBiases: true, momentum: 0.9 },
};
