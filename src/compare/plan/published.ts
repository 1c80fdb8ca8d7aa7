// Figures that others have published, with what they depend on: batch, epochs, protocol. Typed in from the sources named.
/** One row of a published table. Accuracies in percent. */
export interface PublishedRow {
  /** What plans call it; a method's name for the method as its authors run it. */
  id: string;
  label: string;
  /** Passes over the data; null where the source does not say. */
  epochs: number | null;
  /** Global batch; null where the source does not say. */
  batch: number | null;
  /** By column; null where the source has none. */
  figures: Readonly<Record<string, number | null>>;
  /** Figures, or `epochs` and `batch`, that could not be verified in the source itself. */
  unverified?: readonly string[];
  note?: string;
}

export interface PublishedTable {
  title: string;
  source: string;
  /** What was measured, on what. */
  protocol: string;
  columns: readonly string[];
  rows: readonly PublishedRow[];
}

type Numbers = readonly (number | null)[];

/** Rows of one batch and one number of epochs. */
const rowsOf = (
  columns: readonly string[],
  { epochs, batch }: Pick<PublishedRow, "epochs" | "batch">,
  rows: Readonly<Record<string, readonly [label: string, ...figures: Numbers]>>,
): PublishedRow[] =>
  Object.entries(rows).map(([id, [label, ...values]]) => ({
    id,
    label,
    epochs,
    batch,
    figures: figures(columns, values),
  }));

const figures = (columns: readonly string[], values: Numbers) =>
  Object.fromEntries(columns.map((column, place) => [column, values[place] ?? null]));

const titles: Readonly<Record<string, string>> = {
  "barlow-twins": "Barlow Twins",
  byol: "BYOL",
  "moco-v2": "MoCo v2",
  simclr: "SimCLR",
  simsiam: "SimSiam",
  swav: "SwAV",
  vicreg: "VICReg",
};

const byMethod = (
  columns: readonly string[],
  setting: Pick<PublishedRow, "epochs" | "batch">,
  rows: Readonly<Record<string, Numbers>>,
): PublishedRow[] => {
  const labelled = Object.entries(rows).map(([id, values]) => [id, [titles[id] ?? id, ...values] as const] as const);
  return rowsOf(columns, setting, Object.fromEntries(labelled));
};

const lightlyColumns = ["kNN top-1", "minutes", "peak GB"] as const;

const lightlyCifar10: PublishedTable = {
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

const soloLearn: PublishedTable = {
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

const topColumns = ["top-1", "top-5"] as const;
const linearImagenet =
  "linear classifier on frozen features, trained with random crops and flips, ImageNet validation, ResNet-50";

const top = (
  id: string,
  label: string,
  [epochs, batch]: readonly [number | null, number | null],
  values: Numbers,
  more: Pick<PublishedRow, "unverified" | "note"> = {},
): PublishedRow => ({ id, label, epochs, batch, figures: figures(topColumns, values), ...more });

const paperTable1: PublishedTable = {
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

const simsiamTable4: PublishedTable = {
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

/** The ablations' own table has no SimSiam; its figure at the nearest length stands beside them. */
const simsiamBeside = top("simsiam", "SimSiam (for comparison)", [400, 256], [70.8, null], {
  note: "arXiv 2011.10566, Table 4",
});
const ablation = (id: string, label: string, ...values: Numbers) => top(id, label, [300, 2048], values);

const paperTable5: PublishedTable = {
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

const paperTable6: PublishedTable = {
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

const paperTable7: PublishedTable = {
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

export const publishedTables = {
  "lightly-cifar10": lightlyCifar10,
  "solo-learn": soloLearn,
  "paper-table-1": paperTable1,
  "simsiam-table-4": simsiamTable4,
  "paper-table-5": paperTable5,
  "paper-table-6": paperTable6,
  "paper-table-7": paperTable7,
} as const satisfies Record<string, PublishedTable>;

export type PublishedTableId = keyof typeof publishedTables;

/** A published row with the table that it stands in. */
export interface PublishedFigure {
  table: PublishedTableId;
  row: PublishedRow;
}

/** Of each table the first row of this id, in the order of the tables. */
export const publishedRows = (tables: readonly PublishedTableId[], id: string): PublishedFigure[] =>
  tables.flatMap((table) => {
    const row = (publishedTables[table].rows as readonly PublishedRow[]).find((own) => own.id === id);
    return row ? [{ table, row }] : [];
  });
