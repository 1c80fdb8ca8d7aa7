// selfsight compare ablations-quick --out compared/ablations-quick
// The rows of Tables 5 and 6 of arXiv 2103.03230 over 200,000 pictures each: about 34 minutes on two cores with bfloat16. The paper's
// figures are of 300 epochs of ImageNet; what minutes can show is which loss learns at all.
import { barlowTwinsViews } from "../../../augment/index.ts";
import type { PlanInput } from "../plan.ts";
import { shortRuns } from "./short-runs.ts";

export const ablationsQuick: PlanInput = {
  title: "Barlow Twins taken apart: Tables 5 and 6 in minutes",
  description:
    "Each row changes one thing in the loss or the branches; a narrow ResNet-18, equally many pictures. Without any normalisation the rate is a quarter of the others', that of biases a tenth.",
  cost: "planned for 34 minutes on 2 cores",
  data: ["cifar10", "shapes"],
  base: {
    ...shortRuns,
    projector: "512-512",
    lambda: 0.005,
    views: barlowTwinsViews({ size: 32, normalize: "cifar10" }),
  },
  rows: [
    { method: "barlow-twins" },
    {
      method: "barlow-twins",
      label: "Only invariance",
      published: "only-invariance",
      settings: { terms: "invariance" },
    },
    {
      method: "barlow-twins",
      label: "Only redundancy reduction",
      published: "only-redundancy",
      settings: { terms: "redundancy" },
    },
    {
      method: "barlow-twins",
      label: "Normalised along the features",
      published: "normalize-features",
      settings: { normalization: "feature" },
    },
    {
      method: "barlow-twins",
      label: "No batch norm in the projector",
      published: "no-projector-norm",
      settings: { projectorNorm: false },
    },
    {
      method: "barlow-twins",
      label: "No batch norm, no normalisation",
      published: "cross-covariance",
      settings: {
        projectorNorm: false,
        normalization: "none",
        // its loss grows with the fourth power of the embeddings: at the others' rate it leaves all bounds when the warm-up ends
        optimizer: { learningRate: 1, biasLearningRate: 0.01 },
      },
    },
    {
      method: "barlow-twins",
      label: "Cross-entropy",
      published: "cross-entropy",
      settings: { objective: "cross-entropy" },
    },
    {
      method: "barlow-twins",
      label: "With stop-gradient",
      published: "stop-gradient",
      settings: { asymmetry: "stop-gradient" },
    },
    { method: "barlow-twins", label: "With predictor", published: "predictor", settings: { asymmetry: "predictor" } },
    {
      method: "barlow-twins",
      label: "With stop-gradient and predictor",
      published: "stop-gradient-predictor",
      settings: { asymmetry: "both" },
    },
  ],
  budget: { images: 200_000 },
  evaluations: { knn: {}, linear: {}, "few-shot": {} },
  published: ["paper-table-5", "paper-table-6", "simsiam-table-4"],
};
