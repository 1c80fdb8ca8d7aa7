/** Figures that others have published, with their sources. */
import { paperTable5, paperTable6, paperTable7 } from "./ablations.ts";
import { paperTable1, simsiamTable4 } from "./linear.ts";
import type { PublishedRow, PublishedTable } from "./rows.ts";
import { lightlyCifar10, soloLearn } from "./small-sets.ts";
import { paperTable2, paperTable3, paperTable4 } from "./transfer.ts";

export type { PublishedRow, PublishedTable } from "./rows.ts";

export const publishedTables = {
  "lightly-cifar10": lightlyCifar10,
  "solo-learn": soloLearn,
  "paper-table-1": paperTable1,
  "paper-table-2": paperTable2,
  "paper-table-3": paperTable3,
  "paper-table-4": paperTable4,
  "simsiam-table-4": simsiamTable4,
  "paper-table-5": paperTable5,
  "paper-table-6": paperTable6,
  "paper-table-7": paperTable7,
} as const satisfies Record<string, PublishedTable>;

export type PublishedTableId = keyof typeof publishedTables;

/** Short enough for a cell. */
export const publishedNames: Readonly<Record<PublishedTableId, string>> = {
  "lightly-cifar10": "LightlySSL, best kNN of all epochs",
  "solo-learn": "solo-learn, online linear",
  "paper-table-1": "paper, Table 1",
  "paper-table-2": "paper, Table 2",
  "paper-table-3": "paper, Table 3",
  "paper-table-4": "paper, Table 4",
  "simsiam-table-4": "SimSiam paper, Table 4",
  "paper-table-5": "paper, Table 5",
  "paper-table-6": "paper, Table 6",
  "paper-table-7": "paper, Table 7",
};

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
