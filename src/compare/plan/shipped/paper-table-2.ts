// selfsight compare paper-table-2 --out compared/paper
// Table 2 (arXiv 2103.03230): all layers fine-tuned on 1 % and 10 % of ImageNet's labels; the supervised row is what `finetune` prints beside:
// the same labels from first weights. SimCLR's lists of pictures: give them as `labels: FILE` in a plan of your own. Not run by us.
import type { PlanInput } from "../plan.ts";
import { paperRunsOf, resnet50 } from "./paper-runs.ts";

export const paperTable2: PlanInput = {
  title: "Fine-tuning on few of ImageNet's labels, each method by its paper's recipe",
  description: "ResNet-50 at 224 pixels; 20 epochs on a keyed 1 % and 10 % of each class.",
  cost: "the runs of paper-table-1, and the measuring; not run by us",
  data: "imagenet",
  base: resnet50,
  rows: paperRunsOf("simclr", "byol", "swav", "barlow-twins"),
  budget: { epochs: 1000 },
  protocols: [
    { finetune: { labels: "1%", split: "val", title: "1 %, top-1" } },
    { finetune: { labels: "10%", split: "val", title: "10 %, top-1" } },
  ],
  published: ["paper-table-2"],
};
