// selfsight pretrain cifar10 --recipe cifar10
// Barlow Twins on CIFAR-10 with solo-learn's settings: ResNet-18 with the small-image stem, batch 256, 1000 epochs; linear 92.10 %
// there, by a classifier trained beside the network. A GPU's work: hours. A shorter run, such as --epochs 12, warms up in a tenth of it.
// What differs: its stem pads by 2, ours by 1; its LARS divides by ‖g‖ + wd ‖p‖ + 1e-8, ours by ‖g + wd p‖; its warm-up begins at
// 3e-5, ours at 0. Not run by us.
import { barlowTwinsViews } from "../augment/index.ts";
import type { PartialSettings } from "../train/index.ts";
import { soloLearn, soloLearnLars } from "./cifar10/solo-learn.ts";

export const cifar10: PartialSettings = {
  ...soloLearn,
  method: "barlow-twins",
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  projector: "2048-2048-2048",
  lambda: 0.0051,
  lossScale: 0.1,
  optimizer: soloLearnLars(0.3, 1e-4),
};
