// selfsight pretrain IMAGENET/train --recipe imagenet/byol
// BYOL's recipe (arXiv 2006.07733, section 3.3): ResNet-50, 1000 epochs, batch 4096, LARS at 3.2, teacher from 0.996 to 1.
// Expected: 74.3 % linear top-1 (72.5 % after 300 epochs at rate 0.3, decay 1e-6, momentum 0.99).
// Hardware of the paper: 512 TPU v3 cores, about 8 hours. Not run by us.
import type { PartialSettings } from "../../train/index.ts";

export const byol: PartialSettings = {
  method: "byol",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  projector: "4096-256",
  predictor: "4096",
  momentum: 0.996,
  finalMomentum: 1,
  batchSize: 4096,
  epochs: 1000,
  warmupEpochs: 10,
  floor: 0,
  optimizer: { name: "lars", learningRate: 0.2, weightDecay: 1.5e-6, decaysBiases: false },
};
