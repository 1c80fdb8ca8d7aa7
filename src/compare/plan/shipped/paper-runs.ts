// The runs that Tables 1 to 4 (arXiv 2103.03230) measure: ResNet-50 on ImageNet, epochs and global batch of each method's own paper. In one
// --out the four plans share them: what is trained stands, only what is measured differs.
import type { PartialSettings } from "../../../train/index.ts";
import type { PlanInput } from "../plan.ts";

export const resnet50: PartialSettings = { backbone: "resnet50", stem: "imagenet", size: 224 };

export const paperRuns: PlanInput["rows"] = [
  { method: "supervised", settings: { batchSize: 256 }, budget: { epochs: 90 } },
  { method: "simclr", settings: { batchSize: 4096 }, budget: { epochs: 1000 } },
  { method: "moco-v2", settings: { batchSize: 256 }, budget: { epochs: 800 } },
  { method: "simsiam", settings: { batchSize: 256 }, budget: { epochs: 800 } },
  { method: "byol", settings: { batchSize: 4096 }, budget: { epochs: 1000 } },
  // 4.8 at batch 4096
  {
    method: "swav",
    settings: { batchSize: 4096, warmupEpochs: 10, optimizer: { learningRate: 0.3 } },
    budget: { epochs: 800 },
  },
  { method: "barlow-twins", settings: { batchSize: 2048, projector: "8192-8192-8192" }, budget: { epochs: 1000 } },
  { method: "vicreg", settings: { batchSize: 2048, projector: "8192-8192-8192" }, budget: { epochs: 1000 } },
];

/** The rows of the tables that have only some of them. */
export const paperRunsOf = (...methods: readonly string[]): PlanInput["rows"] =>
  paperRuns.filter(({ method }) => methods.includes(method));
