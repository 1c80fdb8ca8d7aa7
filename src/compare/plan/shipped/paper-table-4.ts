// selfsight compare paper-table-4 --out compared/paper
// Table 4 (arXiv 2103.03230): Faster R-CNN C4 on VOC 2007 and 2012, Mask R-CNN C4 on COCO 2017 by its 1x schedule, all layers tuned. The
// paper's VOC figures are means of five runs. Not run by us.
import type { PlanInput } from "../plan.ts";
import { paperRunsOf, resnet50 } from "./paper-runs.ts";

export const paperTable4: PlanInput = {
  title: "Detection and instance segmentation, each method by its paper's recipe",
  description:
    "ResNet-50 pretrained on ImageNet under C4 detectors; SimSiam's row of the paper is of another recipe of 200 epochs.",
  cost: "the runs of paper-table-1, and the measuring; not run by us",
  data: "imagenet",
  base: resnet50,
  rows: paperRunsOf("supervised", "moco-v2", "swav", "simsiam", "barlow-twins"),
  budget: { epochs: 1000 },
  protocols: [
    { detect: { data: "voc07+12", schedule: "voc", title: "VOC AP" } },
    { segment: { data: "coco2017", schedule: "coco-1x", title: "COCO mask AP" } },
  ],
  published: ["paper-table-4"],
};
