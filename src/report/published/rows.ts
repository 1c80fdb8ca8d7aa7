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

export type Numbers = readonly (number | null)[];

/** Rows of one batch and one number of epochs. */
export const rowsOf = (
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

export const figures = (columns: readonly string[], values: Numbers) =>
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

export const byMethod = (
  columns: readonly string[],
  setting: Pick<PublishedRow, "epochs" | "batch">,
  rows: Readonly<Record<string, Numbers>>,
): PublishedRow[] => {
  const labelled = Object.entries(rows).map(([id, values]) => [id, [titles[id] ?? id, ...values] as const] as const);
  return rowsOf(columns, setting, Object.fromEntries(labelled));
};
