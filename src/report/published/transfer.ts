// Tables 2 to 4 of the paper: few labels, other sets, detection. ResNet-50 pretrained on ImageNet.
import { figures, type Numbers, type PublishedRow, type PublishedTable } from "./rows.ts";

type Setting = readonly [epochs: number | null, batch: number | null];
const unknown = ["epochs", "batch"] as const;

const rowsIn =
  (columns: readonly string[]) =>
  (
    id: string,
    label: string,
    [epochs, batch]: Setting,
    values: Numbers,
    more: Pick<PublishedRow, "unverified" | "note"> = {},
  ): PublishedRow => ({ id, label, epochs, batch, figures: figures(columns, values), ...more });

const semiColumns = ["1 %, top-1", "10 %, top-1", "1 %, top-5", "10 %, top-5"] as const;
const semi = rowsIn(semiColumns);

export const paperTable2: PublishedTable = {
  title: "Barlow Twins paper, Table 2: few labels",
  source: "arXiv 2103.03230, Table 2; epochs and batch from each method's own paper",
  protocol: "all layers fine-tuned on 1 % or 10 % of ImageNet's labels, ImageNet validation, ResNet-50",
  columns: semiColumns,
  rows: [
    semi("supervised", "Supervised", [null, null], [25.4, 56.4, 48.4, 80.4], {
      unverified: unknown,
      note: "trained on the labels alone",
    }),
    semi("pirl", "PIRL", [800, 1024], [null, null, 57.2, 83.8]),
    semi("simclr", "SimCLR", [1000, 4096], [48.3, 65.6, 75.5, 87.8]),
    semi("byol", "BYOL", [1000, 4096], [53.2, 68.8, 78.4, 89.0]),
    semi("swav", "SwAV", [800, 4096], [53.9, 70.2, 78.5, 89.9]),
    semi("barlow-twins", "Barlow Twins", [1000, 2048], [55.0, 69.7, 79.2, 89.3]),
  ],
};

const transferColumns = ["Places-205, top-1", "VOC07, mAP", "iNat18, top-1"] as const;
const transfer = rowsIn(transferColumns);

export const paperTable3: PublishedTable = {
  title: "Barlow Twins paper, Table 3: transfer to other sets",
  source: "arXiv 2103.03230, Table 3; epochs and batch from each method's own paper",
  protocol: "frozen ResNet-50: linear classifiers on Places-205 and iNaturalist 2018, one SVM a class on VOC07",
  columns: transferColumns,
  rows: [
    transfer("supervised", "Supervised", [null, null], [53.2, 87.5, 46.7], { unverified: unknown }),
    transfer("simclr", "SimCLR", [null, null], [52.5, 85.5, 37.2], {
      unverified: unknown,
      note: "which run is not said",
    }),
    transfer("moco-v2", "MoCo v2", [800, 256], [51.8, 86.4, 38.6]),
    transfer("swav-two-crops", "SwAV without multi-crop", [null, null], [52.8, 86.4, 39.5], {
      unverified: unknown,
      note: "which run is not said",
    }),
    transfer("swav", "SwAV", [800, 4096], [56.7, 88.9, 48.6]),
    transfer("byol", "BYOL", [1000, 4096], [54.0, 86.6, 47.6]),
    transfer("barlow-twins", "Barlow Twins", [1000, 2048], [54.1, 86.2, 46.5]),
  ],
};

const detectionColumns = [
  ...["VOC AP", "VOC AP50", "VOC AP75", "COCO box AP", "COCO box AP50", "COCO box AP75"],
  ...["COCO mask AP", "COCO mask AP50", "COCO mask AP75"],
] as const;
const detection = rowsIn(detectionColumns);

export const paperTable4: PublishedTable = {
  title: "Barlow Twins paper, Table 4: detection and instance segmentation",
  source: "arXiv 2103.03230, Table 4; epochs and batch from each method's own paper",
  protocol:
    "Faster R-CNN C4 on VOC07+12 (24,000 iterations, tested on VOC07), Mask R-CNN C4 on COCO 2017 (1x), ResNet-50, all layers tuned",
  columns: detectionColumns,
  rows: [
    detection("supervised", "Supervised", [null, null], [53.5, 81.3, 58.8, 38.2, 58.2, 41.2, 33.3, 54.7, 35.2], {
      unverified: unknown,
    }),
    detection("moco-v2", "MoCo v2", [800, 256], [57.4, 82.5, 64.0, 39.3, 58.9, 42.5, 34.4, 55.8, 36.5], {
      unverified: ["COCO box AP", "COCO box AP50", "COCO box AP75", "COCO mask AP", "COCO mask AP50", "COCO mask AP75"],
      note: "of which run COCO's figures are is not said",
    }),
    detection("swav", "SwAV", [800, 4096], [56.1, 82.6, 62.7, 38.4, 58.6, 41.3, 33.8, 55.2, 35.9]),
    detection("simsiam", "SimSiam", [200, null], [57.0, 82.4, 63.7, 39.2, 59.3, 42.1, 34.4, 56.0, 36.7], {
      unverified: ["batch"],
      note: "its recipe for detection",
    }),
    detection("barlow-twins", "Barlow Twins", [1000, 2048], [56.8, 82.6, 63.4, 39.2, 59.0, 42.5, 34.3, 56.0, 36.5]),
  ],
};
