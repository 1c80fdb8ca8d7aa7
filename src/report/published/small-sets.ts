// CIFAR-10 and CIFAR-100, by the benchmarks of two libraries.
import { byMethod, type PublishedTable } from "./rows.ts";

const lightlyColumns = ["kNN top-1", "minutes", "peak GB"] as const;

export const lightlyCifar10: PublishedTable = {
  title: "CIFAR-10, ResNet-18, LightlySSL's benchmark",
  source: "LightlySSL documentation, benchmarks",
  protocol:
    "kNN k=200 T=0.1 in float32, the highest of all epochs on the test split; Barlow Twins and BYOL with SimCLR's views; minutes and memory on one RTX A6000",
  columns: lightlyColumns,
  rows: [
    ...byMethod(
      lightlyColumns,
      { epochs: 200, batch: 128 },
      {
        "barlow-twins": [84.2, 375.9, 1.7],
        byol: [86.9, 121.9, 1.6],
        "moco-v2": [83.8, 128.8, 1.7],
        simclr: [84.7, 97.7, 1.5],
        simsiam: [81.9, 97.3, 1.6],
        swav: [81.2, 99.6, 1.5],
      },
    ),
    ...byMethod(
      lightlyColumns,
      { epochs: 200, batch: 512 },
      {
        "barlow-twins": [81.9, 153.3, 5.1],
        byol: [86.8, 108.3, 5.6],
        "moco-v2": [84.7, 112.2, 5.6],
        simclr: [84.8, 87.1, 4.9],
        simsiam: [76.4, 87.8, 5.0],
        swav: [84.2, 88.7, 4.9],
      },
    ),
    ...byMethod(
      lightlyColumns,
      { epochs: 800, batch: 512 },
      {
        "barlow-twins": [85.9, 517.5, 7.9],
        byol: [91.0, 400.9, 5.4],
        "moco-v2": [89.9, 417.8, 5.4],
        simclr: [87.9, 331.1, 4.9],
        simsiam: [90.4, 333.7, 5.1],
        swav: [88.4, 330.5, 5.0],
      },
    ),
  ],
};

const soloColumns = ["CIFAR-10", "CIFAR-100"] as const;

export const soloLearn: PublishedTable = {
  title: "CIFAR-10 and CIFAR-100, ResNet-18, solo-learn's benchmark",
  source: "solo-learn, results in its README",
  protocol:
    "linear classifier trained beside the network (online) on its augmented views, top-1; offline figures lie lower (Barlow Twins 91.6 for 92.1)",
  columns: soloColumns,
  rows: byMethod(
    soloColumns,
    { epochs: 1000, batch: 256 },
    {
      "barlow-twins": [92.1, 70.9],
      byol: [92.58, 70.46],
      "moco-v2": [92.94, 69.89],
      simclr: [90.74, 65.78],
      simsiam: [90.51, 66.04],
      swav: [89.17, 64.88],
      vicreg: [92.07, 68.54],
    },
  ),
};
