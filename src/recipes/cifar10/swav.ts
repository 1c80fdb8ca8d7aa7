// selfsight pretrain cifar10 --recipe cifar10/swav
// SwAV on CIFAR-10 with LightlySSL's settings: ResNet-18 with the small-image stem, 200 epochs, batch 128, two crops of 32, Adam at 0.001.
// Expected: kNN 81.2 % (LightlySSL's table, one A6000, 100 minutes). Not run by us.
import { swavViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const swav: PartialSettings = {
  method: "swav",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  views: swavViews({ size: 32, normalize: "cifar10" }),
  projector: "512-128",
  prototypes: 512,
  temperature: 0.1,
  epsilon: 0.05,
  freezePrototypesEpochs: 0,
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: { name: "adamw", learningRate: 0.002, weightDecay: 1e-6, decaysBiases: true },
};
