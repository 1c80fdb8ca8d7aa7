// selfsight pretrain cifar10 --recipe cifar10/simsiam
// SimSiam on CIFAR-10 with LightlySSL's settings (see lightly.ts): SGD at 0.06 at any batch. Its projector ends in a batch norm with
// scale and shift, ours, like the official one, with neither; its predictor's rate falls with the others, ours stays, as in the paper.
// Published: kNN 81.9 % (LightlySSL's table, one A6000, 97 minutes); the paper's own, 800 epochs at batch 512: linear 91.8 %.
// By us narrow networks alone, on held-out training pictures: after two epochs 22.0 %, by LARS 27.4 %; after twelve of half the pictures
// 29.8 and 30.5 % (docs/performance.md, "Which start learns").
import { mocoViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";
import { lightly, lightlySgd } from "./lightly.ts";

export const simsiam: PartialSettings = {
  ...lightly,
  method: "simsiam",
  views: mocoViews({ size: 32, normalize: "imagenet" }),
  projector: "2048-2048",
  predictor: "512",
  optimizer: { ...lightlySgd, learningRate: 0.06, batchRule: "none" },
};
