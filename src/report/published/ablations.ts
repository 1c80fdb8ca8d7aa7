// Tables 5 to 7 of the paper.
import { linearImagenet, top, topColumns } from "./linear.ts";
import type { Numbers, PublishedRow, PublishedTable } from "./rows.ts";

/** The ablations' own table has no SimSiam; its figure at the nearest length stands beside them. */
const simsiamBeside = top("simsiam", "SimSiam (for comparison)", [400, 256], [70.8, null], {
  note: "arXiv 2011.10566, Table 4",
});
const ablation = (id: string, label: string, ...values: Numbers) => top(id, label, [300, 2048], values);

export const paperTable5: PublishedTable = {
  title: "Barlow Twins paper, Table 5: the loss taken apart",
  source: "arXiv 2103.03230, Table 5",
  protocol: linearImagenet,
  columns: topColumns,
  rows: [
    ablation("barlow-twins", "Barlow Twins", 71.4, 90.2),
    ablation("only-invariance", "Only invariance (on the diagonal)", 57.3, 80.5),
    ablation("only-redundancy", "Only redundancy reduction (off the diagonal)", 0.1, 0.5),
    ablation("normalize-features", "Normalised along the features", 69.8, 88.8),
    ablation("no-projector-norm", "No batch norm in the projector", 71.2, 89.7),
    ablation("cross-covariance", "No batch norm in the projector, no normalisation", 53.4, 76.7),
    ablation("cross-entropy", "Cross-entropy with temperature", 63.3, 85.7),
    simsiamBeside,
  ],
};

export const paperTable6: PublishedTable = {
  title: "Barlow Twins paper, Table 6: symmetry broken",
  source: "arXiv 2103.03230, Table 6",
  protocol: linearImagenet,
  columns: topColumns,
  rows: [
    ablation("barlow-twins", "Barlow Twins", 71.4, 90.2),
    ablation("stop-gradient", "With stop-gradient", 70.5, 89.0),
    ablation("predictor", "With predictor", 70.2, 89.0),
    ablation("stop-gradient-predictor", "With stop-gradient and predictor", 61.3, 83.5),
    simsiamBeside,
  ],
};

/** The table does not repeat its epochs; the level of its baseline is that of 1000. */
const byolHead = (projector: string, predictor: string, value: number): PublishedRow =>
  top(
    `byol-${projector}-${predictor}`,
    `BYOL, projector ${projector}, predictor ${predictor}`,
    [1000, 4096],
    [value, null],
    {
      unverified: ["epochs", "batch"],
    },
  );

export const paperTable7: PublishedTable = {
  title: "Barlow Twins paper, Table 7: BYOL with wider heads",
  source: "arXiv 2103.03230, Table 7",
  protocol: linearImagenet,
  columns: topColumns,
  rows: [
    byolHead("4096-256", "4096-256", 74.1),
    byolHead("4096-4096-256", "4096-256", 74.0),
    byolHead("4096-4096-256", "4096-4096-256", 73.2),
    byolHead("4096-4096-512", "4096-512", 73.7),
    byolHead("4096-4096-512", "4096-4096-512", 73.2),
    byolHead("8192-8192-8192", "8192-8192", 72.3),
    simsiamBeside,
  ],
};
