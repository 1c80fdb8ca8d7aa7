// selfsight pretrain IMAGENET/train --recipe imagenet/simsiam
// SimSiam's recipe (arXiv 2011.10566, section 3 and table 4): ResNet-50, 800 epochs, batch 256, SGD at 0.05, the predictor's rate
// constant. Expected: 71.3 % linear top-1 (68.1 % after 100 epochs). Hardware of the paper: 8 GPUs. Not run by us.
import type { PartialSettings } from "../../train/index.ts";

export const simsiam: PartialSettings = {
  method: "simsiam",
  backbone: "resnet50",
  stem: "imagenet",
  size: 224,
  projector: "2048-2048-2048",
  predictor: "512",
  batchSize: 256,
  epochs: 800,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: { name: "sgd", learningRate: 0.05, weightDecay: 1e-4, decaysBiases: true, momentum: 0.9 },
};
