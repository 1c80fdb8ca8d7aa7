// selfsight pretrain cifar10 --recipe cifar10/swav
// SwAV on CIFAR-10 with LightlySSL's settings (see lightly.ts): two crops of 32, Adam at 0.001; decay is decoupled here, in the gradient there.
// Published: kNN 81.2 % (LightlySSL's table, one A6000, 100 minutes). Not run by us.
import { swavViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";
import { lightly } from "./lightly.ts";

export const swav: PartialSettings = {
  ...lightly,
  method: "swav",
  views: swavViews({ size: 32, normalize: "imagenet" }),
  projector: "512-128",
  prototypes: 512,
  temperature: 0.1,
  epsilon: 0.05,
  freezePrototypesEpochs: 0,
  optimizer: { name: "adamw", learningRate: 0.002, batchRule: "linear", weightDecay: 1e-6, decaysBiases: true },
};
