// selfsight pretrain cifar10 --recipe cifar10/byol
// BYOL on CIFAR-10 with LightlySSL's settings: ResNet-18 with the small-image stem, 200 epochs, batch 128. Their loss is a quarter of the
// paper's, which is ours; so their rate of 0.06 and decay of 5e-4 stand here divided and multiplied by four: the same steps.
// Expected: kNN 86.9 % (LightlySSL's table, one A6000, 122 minutes). Not run by us.
import { barlowTwinsViews } from "../../augment/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const byol: PartialSettings = {
  method: "byol",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  projector: "1024-256",
  predictor: "1024",
  momentum: 0.99,
  finalMomentum: 0.99,
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: {
    name: "sgd",
    learningRate: 0.03,
    weightDecay: 2e-3,
    decaysBiases: true,
    momentum: 0.9,
  },
};
