// selfsight pretrain cifar10 --recipe cifar10/moco-v2
// MoCo v2 on CIFAR-10 with LightlySSL's settings: ResNet-18 with the small-image stem, 200 epochs, batch 128, SGD at 0.06, both directions, queue of 4096.
// Expected: kNN 83.8 % (LightlySSL's table, one A6000, 129 minutes). Not run by us.
import { simclrViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const mocoV2: PartialSettings = {
  method: "moco-v2",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  views: simclrViews({ size: 32, normalize: "cifar10" }),
  projector: "512-128",
  temperature: 0.1,
  queueLength: 4096,
  momentum: 0.99,
  finalMomentum: 0.99,
  symmetric: true,
  batchNormGroups: 8,
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: {
    name: "sgd",
    learningRate: 0.12,
    weightDecay: 5e-4,
    decaysBiases: true,
    momentum: 0.9,
  },
};
