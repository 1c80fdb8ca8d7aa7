// selfsight pretrain cifar10 --recipe cifar10/moco-v2
// MoCo v2 on CIFAR-10 with LightlySSL's settings (see lightly.ts): SGD at 0.06, both directions, queue of 4096.
// Published: kNN 83.8 % (LightlySSL's table, one A6000, 129 minutes). Not run by us.
import type { PartialSettings } from "../../train/index.ts";
import { lightly, lightlySgd, lightlyViews } from "./lightly.ts";

export const mocoV2: PartialSettings = {
  ...lightly,
  method: "moco-v2",
  views: lightlyViews,
  projector: "512-128",
  temperature: 0.1,
  queueLength: 4096,
  momentum: 0.99,
  finalMomentum: 0.99,
  symmetric: true,
  batchNormGroups: 8,
  optimizer: lightlySgd,
};
