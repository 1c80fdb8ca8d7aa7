// selfsight compare paper-table-3 --out compared/paper
// Table 3 (arXiv 2103.03230): frozen trunks on other sets: linear layers on Places-205 and iNaturalist 2018, one SVM a class on VOC 2007.
// Not run by us.
import type { PlanInput } from "../plan.ts";
import { paperRunsOf, resnet50 } from "./paper-runs.ts";

export const paperTable3: PlanInput = {
  title: "Transfer to other sets, each method by its paper's recipe",
  description: "ResNet-50 pretrained on ImageNet, frozen; 14 epochs on Places-205, 84 on iNaturalist 2018.",
  cost: "the runs of paper-table-1, and the measuring; not run by us",
  data: "imagenet",
  base: resnet50,
  rows: paperRunsOf("supervised", "simclr", "moco-v2", "swav", "byol", "barlow-twins"),
  budget: { epochs: 1000 },
  protocols: [
    { transfer: { data: "places205", schedule: "places205", split: "val", title: "Places-205, top-1" } },
    { transfer: { data: "voc07", svm: true, title: "VOC07, mAP" } },
    { transfer: { data: "inat18", schedule: "inat18", split: "val", title: "iNat18, top-1" } },
  ],
  published: ["paper-table-3"],
};
