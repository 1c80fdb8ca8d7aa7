// selfsight pretrain cifar10 --recipe cifar10/vicreg
// VICReg on CIFAR-10 with solo-learn's settings: batch 256, 1000 epochs, both views cropped from a fifth of the picture and solarised
// one time in ten. Its variance term is the sum over the views, ours, like the official one, their mean: a weight of 50 is its 25.
// Published: linear 92.07 %, by a classifier trained beside the network. Not run by us. What differs: its
// stem pads by 2, ours by 1; its LARS divides by ‖g‖ + wd ‖p‖ + 1e-8, ours by ‖g + wd p‖; its warm-up begins at 3e-5, ours at 0.
import { barlowTwinsViews } from "../../augment/index.ts";
import type { PartialSettings } from "../../train/index.ts";
import { soloLearn, soloLearnLars } from "./solo-learn.ts";

const [view] = barlowTwinsViews({ size: 32, normalize: "cifar10" });
const cropped = {
  ...view,
  crop: { ...view.crop, scale: [0.2, 1] as [number, number] },
  solarize: { ...view.solarize, probability: 0.1 },
};

export const vicreg: PartialSettings = {
  ...soloLearn,
  method: "vicreg",
  views: [cropped, cropped],
  projector: "2048-2048-2048",
  invariance: 25,
  variance: 50,
  covariance: 1,
  optimizer: soloLearnLars(0.3, 1e-4),
};
