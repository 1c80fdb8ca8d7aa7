// selfsight pretrain cifar10 --recipe cifar10/supervised
// The supervised baseline on CIFAR-10: ResNet-18 with the small-image stem, 200 epochs, batch 128, SGD at 0.1 with weight decay 5e-4.
// Published: 93.02 % top-1 for the same network with padded crops in place of ours (kuangliu/pytorch-cifar). Not run by us.
import { supervisedViews } from "../../methods/index.ts";
import type { PartialSettings } from "../../train/index.ts";

export const supervised: PartialSettings = {
  method: "supervised",
  backbone: "resnet18",
  stem: "small",
  size: 32,
  zeroInitResidual: false,
  views: supervisedViews({ size: 32, normalize: "cifar10" }),
  batchSize: 128,
  epochs: 200,
  warmupEpochs: 0,
  floor: 0,
  cosinePer: "epoch",
  optimizer: {
    name: "sgd",
    learningRate: 0.2,
    weightDecay: 5e-4,
    decaysBiases: true,
    momentum: 0.9,
  },
};
