// selfsight pretrain cifar10 --recipe cifar10/simclr
// SimCLR on CIFAR-10 with LightlySSL's settings (see lightly.ts): SGD at 0.06. Its head ends in a batch norm with scale and shift, ours,
// like the official one, with scale alone.
// Published: kNN 84.7 % (LightlySSL's table, one A6000, 98 minutes). By us a narrow network for two epochs alone: 39.3 % on
// held-out training pictures (docs/performance.md, "Which start learns").
import type { PartialSettings } from "../../train/index.ts";
import { lightly, lightlySgd, lightlyViews } from "./lightly.ts";

export const simclr: PartialSettings = {
  ...lightly,
  method: "simclr",
  views: lightlyViews,
  projector: "512-128",
  temperature: 0.5,
  optimizer: lightlySgd,
};
