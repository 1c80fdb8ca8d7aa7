// selfsight pretrain IMAGENET/train --recipe imagenet/simclr
// SimCLR's recipe (arXiv 2002.05709, section 2.2 and appendix A): ResNet-50, 1000 epochs, batch 4096, LARS at 4.8.
// Expected: 69.3 % linear top-1 (table B.1; 64.5 after 100 epochs). Hardware of the paper: 128 TPU v3 cores. Not run by us.
import type { PartialSettings } from "../../train/index.ts";

export const simclr: PartialSettings = {
  method: "simclr",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  projector: "2048-128",
  temperature: 0.1,
  batchSize: 4096,
  epochs: 1000,
  warmupEpochs: 10,
  floor: 0,
  optimizer: { name: "lars", learningRate: 0.3, batchRule: "linear", weightDecay: 1e-6, decaysBiases: false },
};
