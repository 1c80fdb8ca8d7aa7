// selfsight compare paper-table-1 --data IMAGENET --out compared/paper-table-1
// The methods of Table 1 (arXiv 2103.03230) by each paper's own recipe: ResNet-50, ImageNet. On 32 V100 Barlow Twins alone takes
// 124 hours. Not run by us. The supervised row follows a cosine here; its source drops the rate by 10 every 30 epochs.
import type { PlanInput } from "../plan.ts";
import { paperRuns, resnet50 } from "./paper-runs.ts";

export const paperTable1: PlanInput = {
  title: "Linear classification on ImageNet, each method by its paper's recipe",
  description: "ResNet-50 at 224 pixels; epochs and global batch are those of each method's own paper.",
  cost: "about 120 hours on 32 V100 for each row of 1000 epochs; not run by us",
  data: "imagenet",
  base: resnet50,
  rows: paperRuns,
  budget: { epochs: 1000 },
  protocols: [
    { linear: { protocol: "imagenet", split: "val", title: "linear" } },
    "knn",
    { "few-shot": { labels: 13 } },
  ],
  published: ["paper-table-1", "simsiam-table-4"],
};
