// selfsight pretrain cifar10 --recipe cifar10/vicreg
// VICReg on CIFAR-10 beside the others: ResNet-18 with the small-image stem, 200 epochs, batch 128, the optimizer of their recipes (SGD at 0.06).
// Expected: not published with these settings; solo-learn lists linear 92.07 % after 1000 epochs with LARS. Not run by us.
import { barlowTwinsViews } from "../../augment/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const vicreg: PartialSettings = {
  method: "vicreg",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  projector: "2048-2048",
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
