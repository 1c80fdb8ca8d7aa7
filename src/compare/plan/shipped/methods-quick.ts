// selfsight compare methods-quick --out compared/methods-quick
// All methods for four minutes each on two cores, with a narrow ResNet-18 whose stem halves the picture: about 36 minutes with
// the measuring. Four minutes tell apart what learns from what does not; they do not rank methods that need hundreds of epochs.
// Temperatures and BYOL's slow teacher were chosen on held-out training pictures, in runs of 500 to 800 steps.
import { barlowTwinsViews } from "../../../augment/index.ts";
import { mocoViews, simclrViews, supervisedViews, swavViews } from "../../../methods/index.ts";
import type { PlanInput } from "../plan.ts";
import { shortRuns } from "./short-runs.ts";

const size = 32;
const normalize = "cifar10";

export const methodsQuick: PlanInput = {
  title: "All methods, four minutes each",
  description:
    "A narrow ResNet-18 (16 channels in its first stage) and equal training time for every method; heads and rates are those of small pictures.",
  cost: "planned for 36 minutes on 2 cores",
  data: ["cifar10", "shapes"],
  base: shortRuns,
  rows: [
    {
      method: "barlow-twins",
      settings: { projector: "512-512", lambda: 0.005, views: barlowTwinsViews({ size, normalize }) },
    },
    { method: "simclr", settings: { projector: "512-128", temperature: 0.1, views: simclrViews({ size, normalize }) } },
    {
      method: "moco-v2",
      settings: {
        ...{ projector: "512-128", queueLength: 4096, temperature: 0.1, symmetric: true },
        ...{ momentum: 0.99, finalMomentum: 0.99, views: mocoViews({ size, normalize }) },
      },
    },
    {
      method: "byol",
      settings: {
        ...{ projector: "1024-256", predictor: "1024", views: barlowTwinsViews({ size, normalize }) },
        optimizer: { learningRate: 2 },
      },
    },
    {
      method: "swav",
      settings: {
        ...{ projector: "256-128", prototypes: 256, freezePrototypesEpochs: 0 },
        views: swavViews({ size, normalize }),
      },
    },
    {
      method: "simsiam",
      settings: { projector: "512-512-512", predictor: "128", views: mocoViews({ size, normalize }) },
    },
    {
      method: "vicreg",
      settings: {
        projector: "512-512-512",
        views: barlowTwinsViews({ size, normalize }),
      },
    },
    { method: "supervised", settings: { views: supervisedViews({ size, normalize }) } },
  ],
  seeds: [0],
  budget: { minutes: 4 },
  evaluations: { knn: {}, linear: {}, "few-shot": {} },
  published: ["lightly-cifar10", "solo-learn", "paper-table-1", "simsiam-table-4"],
};
