// selfsight pretrain cifar10 --recipe cifar10/byol
// BYOL on CIFAR-10 with LightlySSL's settings (see lightly.ts). Its loss is a quarter of the paper's, which is ours; so its rate of
// 0.06 and decay of 5e-4 stand here divided and multiplied by four: the same steps.
// Published: kNN 86.9 % (LightlySSL's table, one A6000, 122 minutes). By us a narrow network for two epochs alone: 29.6 % on held-out
// training pictures, by LARS 26.0 % (docs/performance.md, "Which start learns").
import type { PartialSettings } from "../../train/index.ts";
import { lightly, lightlySgd, lightlyViews } from "./lightly.ts";

export const byol: PartialSettings = {
  ...lightly,
  method: "byol",
  views: lightlyViews,
  projector: "1024-256",
  predictor: "1024",
  lastBias: true,
  momentum: 0.99,
  finalMomentum: 0.99,
  optimizer: { ...lightlySgd, learningRate: 0.03, weightDecay: 2e-3 },
};
