// selfsight pretrain cifar10 --recipe cifar10/simsiam
// SimSiam on CIFAR-10 with LightlySSL's settings: ResNet-18 with the small-image stem, 200 epochs, batch 128, SGD at 0.06 at any batch.
// Expected: kNN 81.9 % (LightlySSL's table, one A6000, 97 minutes); the paper's own, 800 epochs at batch 512: linear 91.8 %.
// Not run by us.
import { mocoViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const simsiam: PartialSettings = {
  method: "simsiam",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  views: mocoViews({ size: 32, normalize: "cifar10" }),
  projector: "2048-2048",
  predictor: "512",
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: {
    name: "sgd",
    learningRate: 0.06,
    batchRule: "none",
    weightDecay: 5e-4,
    decaysBiases: true,
    momentum: 0.9,
  },
};
