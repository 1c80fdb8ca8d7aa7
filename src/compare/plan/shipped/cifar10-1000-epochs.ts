// selfsight compare cifar10-1000-epochs --out compared/cifar10-1000
// solo-learn's CIFAR-10 benchmark by its scripts of July 2022, without blur: ResNet-18 with the small-image stem, batch 256, 1000
// epochs. Not run by us. What differs: its stem pads by 2, ours by 1; its LARS divides by ‖g‖ + wd ‖p‖ + 1e-8, ours by ‖g + wd p‖; its
// warm-up begins at 3e-5, ours at 0; MoCo has a queue for each view there, one for
// both here; SwAV's views pass batch norm one by one there, together here. Its table has the accuracy of a classifier that is trained
// beside the network; ours is trained behind it, on features without crops and flips.
import { barlowTwinsViews, type ViewRecipe } from "../../../augment/index.ts";
import { recipes, soloLearn, soloLearnLars } from "../../../recipes/index.ts";
import type { PartialSettings } from "../../../train/index.ts";
import type { PlanInput } from "../plan.ts";

const views = barlowTwinsViews({ size: 32, normalize: "cifar10" });

/** Two equal views, cropped from 0.08 like all of its own, with another jitter. */
function symmetric(jitter: Omit<ViewRecipe["jitter"], "probability">): ViewRecipe[] {
  const view = { ...views[0], jitter: { probability: 0.8, ...jitter } };
  return [view, view];
}
const strong = symmetric({ brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 });
const weak = symmetric({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });

const sgdAt = (learningRate: number, weightDecay: number): NonNullable<PartialSettings["optimizer"]> => ({
  ...{ name: "sgd", learningRate, biasLearningRate: null, weightDecay, decaysBiases: true },
});

export const cifar10Epochs1000: PlanInput = {
  title: "CIFAR-10, ResNet-18, 1000 epochs at batch 256",
  description: "The settings of solo-learn's benchmark.",
  cost: "about 7 to 11 hours a row on one RTX A6000, by the times of LightlySSL for 800 epochs; not for 2 cores",
  data: "cifar10",
  base: soloLearn,
  rows: [
    {
      method: "barlow-twins",
      settings: {
        ...{ projector: "2048-2048-2048", lambda: 0.0051, lossScale: 0.1 },
        ...{ views, optimizer: soloLearnLars(0.3, 1e-4) },
      },
    },
    {
      method: "byol",
      settings: {
        ...{ projector: "4096-256", predictor: "4096", lastBias: true, momentum: 0.99, finalMomentum: 1 },
        ...{ views, optimizer: soloLearnLars(1, 1e-5) },
      },
    },
    {
      method: "moco-v2",
      label: "MoCo v2+",
      settings: {
        ...{ projector: "2048-256", temperature: 0.2, queueLength: 32768, momentum: 0.99, finalMomentum: 0.999 },
        ...{ symmetric: true, batchNormGroups: 1, views: weak, optimizer: sgdAt(0.3, 1e-4) },
      },
    },
    {
      method: "simclr",
      settings: {
        ...{ projector: "2048-256", projectorNorm: false, temperature: 0.2 },
        ...{ views: strong, optimizer: soloLearnLars(0.4, 1e-5) },
      },
    },
    {
      method: "simsiam",
      settings: {
        ...{ projector: "2048-2048-2048", predictor: "512", zeroInitResidual: true },
        ...{ views: weak, optimizer: sgdAt(0.5, 1e-5) },
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
        ...{ floor: 0.001, views: strong },
        optimizer: { ...soloLearnLars(0.6, 1e-6), decaysBiases: true, adaptsBiases: true },
      },
    },
    { method: "vicreg", settings: recipes["cifar10/vicreg"] },
  ],
  budget: { epochs: 1000 },
  evaluations: { linear: {}, knn: {}, "few-shot": {} },
  published: ["solo-learn", "lightly-cifar10"],
};
