// selfsight compare cifar10-200-epochs --out compared/cifar10-200
// LightlySSL's CIFAR-10 benchmark: ResNet-18 with the small-image stem, batch 128, 200 epochs, SGD for all but SwAV; the settings are
// those of src/recipes/cifar10/, whose headers say what differs. There, on one RTX A6000, 1.6 to 2.1 hours a run, 6.3 for Barlow Twins.
// Not run by us. Its kNN figure is the best of all epochs on the test split, in float32; ours is that of the last.
import { lightly, lightlySgd, lightlyViews, recipes } from "../../../recipes/index.ts";
import type { PlanInput } from "../plan.ts";

export const cifar10Epochs200: PlanInput = {
  title: "CIFAR-10, ResNet-18, 200 epochs at batch 128",
  description: "The settings of LightlySSL's benchmark.",
  cost: "about 15 hours on one RTX A6000 for all six, by LightlySSL's times; not for 2 cores",
  data: "cifar10",
  base: lightly,
  rows: [
    // A sum over 2048 features, no warm-up: the first steps blow the weights up, and only many epochs of decay bring them back. The
    // recipe `cifar10` does not do that.
    {
      method: "barlow-twins",
      settings: { projector: "2048-2048", lambda: 0.005, views: lightlyViews, optimizer: lightlySgd },
    },
    { method: "byol", settings: recipes["cifar10/byol"] },
    { method: "moco-v2", settings: recipes["cifar10/moco-v2"] },
    { method: "simclr", settings: recipes["cifar10/simclr"] },
    { method: "simsiam", settings: recipes["cifar10/simsiam"] },
    { method: "swav", settings: recipes["cifar10/swav"] },
  ],
  budget: { epochs: 200 },
  evaluations: { knn: {}, linear: {}, "few-shot": {} },
  published: ["lightly-cifar10", "solo-learn"],
};
