// selfsight pretrain cifar10 --recipe cifar10/simclr
// SimCLR on CIFAR-10 with LightlySSL's settings: ResNet-18 with the small-image stem, 200 epochs, batch 128, SGD at 0.06.
// Expected: kNN 84.7 % (LightlySSL's table, one A6000, 98 minutes). Not run by us.
import { simclrViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const simclr: PartialSettings = {
  method: "simclr",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  views: simclrViews({ size: 32, normalize: "cifar10" }),
  projector: "512-128",
  temperature: 0.5,
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: {
    name: "sgd",
    learningRate: 0.12,
    batchRule: "linear",
    weightDecay: 5e-4,
    decaysBiases: true,
    momentum: 0.9,
  },
};
