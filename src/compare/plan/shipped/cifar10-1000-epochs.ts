// selfsight compare cifar10-1000-epochs --out compared/cifar10-1000
// solo-learn's CIFAR-10 benchmark: ResNet-18 with the small-image stem, batch 256, 1000 epochs, no blur. Not run by us.
// Three differences remain: its stem pads by 2, ours by 1; its SimCLR head ends without batch norm; its LARS divides by ‖g‖ + wd ‖p‖,
// ours by ‖g + wd p‖. VICReg's settings are not among those that we could read; its published figure stands in the table below.
import { barlowTwinsViews } from "../../../augment/index.ts";
import { mocoViews, simclrViews, swavViews } from "../../../methods/index.ts";
import type { PartialSettings } from "../../../train/index.ts";
import type { PlanInput } from "../plan.ts";

const views = { size: 32, normalize: "cifar10" } as const;
const strongJitter = { probability: 0.8, brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 };

const base: PartialSettings = {
  backbone: "resnet18",
  stem: "small",
  size: 32,
  batchSize: 256,
  warmupEpochs: 10,
  floor: 0,
  cosinePer: "step",
  zeroInitResidual: false,
  optimizer: { batchRule: "linear", decaysBiases: false, momentum: 0.9 },
};

const larsAt = (learningRate: number, weightDecay: number): NonNullable<PartialSettings["optimizer"]> => ({
  ...{ name: "lars", learningRate, biasLearningRate: null, weightDecay, eta: 0.02, clipsRatio: true },
});

const sgdAt = (learningRate: number, weightDecay: number): NonNullable<PartialSettings["optimizer"]> => ({
  ...{ name: "sgd", learningRate, biasLearningRate: null, weightDecay, decaysBiases: true },
});

export const cifar10Epochs1000: PlanInput = {
  title: "CIFAR-10, ResNet-18, 1000 epochs at batch 256",
  description: "The settings of solo-learn's benchmark.",
  cost: "about 7 to 11 hours a row on one RTX A6000, by the times of LightlySSL for 800 epochs; not for 2 cores",
  data: "cifar10",
  base,
  rows: [
    {
      method: "barlow-twins",
      settings: {
        ...{ projector: "2048-2048-2048", lambda: 0.0051, lossScale: 0.1 },
        ...{ views: barlowTwinsViews(views), optimizer: larsAt(0.3, 1e-4) },
      },
    },
    {
      method: "byol",
      settings: {
        ...{ projector: "4096-256", predictor: "4096", momentum: 0.99, finalMomentum: 1 },
        ...{ views: barlowTwinsViews(views), optimizer: larsAt(1, 1e-5) },
      },
    },
    {
      method: "moco-v2",
      label: "MoCo v2+",
      settings: {
        ...{ projector: "2048-256", temperature: 0.2, queueLength: 32768, momentum: 0.99, finalMomentum: 0.999 },
        ...{ symmetric: true, batchNormGroups: 1, views: mocoViews(views), optimizer: sgdAt(0.3, 1e-4) },
      },
    },
    {
      method: "simclr",
      settings: {
        ...{ projector: "2048-256", temperature: 0.2, optimizer: larsAt(0.4, 1e-4) },
        views: simclrViews(views).map((view) => ({ ...view, jitter: strongJitter })),
      },
    },
    {
      method: "simsiam",
      settings: {
        ...{ projector: "2048-2048", predictor: "512", zeroInitResidual: true },
        ...{ views: mocoViews(views), optimizer: sgdAt(0.5, 1e-5) },
      },
    },
    {
      method: "swav",
      settings: {
        ...{
          projector: "2048-128",
          prototypes: 3000,
          queueLength: 3840,
          queueFromEpoch: 50,
          freezePrototypesEpochs: 2,
        },
        ...{ floor: 0.001, views: swavViews(views), optimizer: { ...larsAt(0.6, 1e-6), adaptsBiases: false } },
      },
    },
  ],
  budget: { epochs: 1000 },
  evaluations: { linear: {}, knn: {}, "few-shot": {} },
  published: ["solo-learn", "lightly-cifar10"],
};
