// Linear classification on ImageNet.
import { figures, type Numbers, type PublishedRow, type PublishedTable, rowsOf } from "./rows.ts";

export const topColumns = ["top-1", "top-5"] as const;
export const linearImagenet =
  "linear classifier on frozen features, trained with random crops and flips, ImageNet validation, ResNet-50";

export const top = (
  id: string,
  label: string,
  [epochs, batch]: readonly [number | null, number | null],
  values: Numbers,
  more: Pick<PublishedRow, "unverified" | "note"> = {},
): PublishedRow => ({ id, label, epochs, batch, figures: figures(topColumns, values), ...more });

export const paperTable1: PublishedTable = {
  title: "Barlow Twins paper, Table 1",
  source: "arXiv 2103.03230, Table 1; epochs and batch from each method's own paper",
  protocol: linearImagenet,
  columns: topColumns,
  rows: [
    top("supervised", "Supervised", [90, null], [76.5, null], { unverified: ["batch"], note: "SimCLR's run" }),
    top("moco-v1", "MoCo v1", [200, 256], [60.6, null]),
    top("pirl", "PIRL", [800, 1024], [63.6, null]),
    top("simclr", "SimCLR", [1000, 4096], [69.3, 89.0]),
    top("moco-v2", "MoCo v2", [800, 256], [71.1, 90.1]),
    top("simsiam", "SimSiam", [800, 256], [71.3, null]),
    top("swav-two-crops", "SwAV without multi-crop", [800, 4096], [71.8, null], {
      unverified: ["epochs", "batch"],
      note: "where the figure is from is not said; it equals SimSiam's rerun of 800 epochs",
    }),
    top("byol", "BYOL", [1000, 4096], [74.3, 91.6]),
    top("swav", "SwAV", [800, 4096], [75.3, null], { note: "2 x 224 + 6 x 96 pixels" }),
    top("barlow-twins", "Barlow Twins", [1000, 2048], [73.2, 91.0]),
  ],
};

const epochColumns = ["100 epochs", "200 epochs", "400 epochs", "800 epochs"] as const;
const atEpochs = (batch: number, rows: Readonly<Record<string, readonly [string, ...Numbers]>>) =>
  rowsOf(epochColumns, { epochs: null, batch }, rows);

export const simsiamTable4: PublishedTable = {
  title: "SimSiam paper, Table 4: all methods by one group's code",
  source: "arXiv 2011.10566, Table 4",
  protocol: `${linearImagenet}, two 224-pixel views`,
  columns: epochColumns,
  rows: [
    ...atEpochs(4096, { simclr: ["SimCLR", 66.5, 68.3, 69.8, 70.4] }),
    ...atEpochs(256, { "moco-v2": ["MoCo v2", 67.4, 69.9, 71.0, 72.2] }),
    ...atEpochs(4096, {
      byol: ["BYOL", 66.5, 70.6, 73.2, 74.3],
      swav: ["SwAV without multi-crop", 66.5, 69.1, 70.7, 71.8],
    }),
    ...atEpochs(256, { simsiam: ["SimSiam", 68.1, 70.0, 70.8, 71.3] }),
  ],
};
