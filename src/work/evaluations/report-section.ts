// What `evaluate all` found, beside what was published for the same protocol, in a run's page.
import { methods } from "../../methods/index.ts";
import {
  type Evaluated,
  type EvaluatedRow,
  type PublishedBeside,
  type PublishedTableId,
  publishedRows,
} from "../../report/index.ts";
import { readLog, readRun } from "../../train/index.ts";
import type { Evaluations, FoundEvaluation } from "./kept.ts";

/** The column of a published table that a protocol's figure may stand beside. */
interface Beside {
  table: PublishedTableId;
  column: string;
  /** The data that alone it may stand beside. Default all. */
  only?: string;
}

/** By protocol; which of them fit goes by the data's name. */
const published: Readonly<Record<string, readonly Beside[]>> = {
  knn: [{ table: "lightly-cifar10", column: "kNN top-1", only: "cifar10" }],
  linear: [
    { table: "paper-table-1", column: "top-1" },
    { table: "solo-learn", column: "CIFAR-10", only: "cifar10" },
  ],
  finetune: [
    { table: "paper-table-2", column: "1 %, top-1" },
    { table: "paper-table-2", column: "10 %, top-1" },
  ],
  transfer: [{ table: "paper-table-3", column: "VOC07, mAP" }],
  detect: [
    { table: "paper-table-4", column: "VOC AP" },
    { table: "paper-table-4", column: "COCO box AP" },
  ],
  segment: [{ table: "paper-table-4", column: "COCO mask AP" }],
};

/** Published rows of the run's method for a protocol, with what they depend on. */
export function publishedBeside(name: string, data: string, method: string): PublishedBeside[] {
  return (published[name] ?? []).flatMap(({ table, column, only = data }) =>
    (only === data ? publishedRows([table], method) : []).flatMap(({ row }) => {
      const value = row.figures[column];
      return value === null || value === undefined
        ? []
        : [{ table, column, value, epochs: row.epochs, batch: row.batch }];
    }),
  );
}

/** The rows of a run's page. */
export function evaluatedRows(folder: string, { found }: Pick<Evaluations, "found">): EvaluatedRow[] {
  const { settings } = readRun(folder);
  return found.map((own) => ({ ...figureOf(own), published: publishedBeside(own.name, own.data, settings.method) }));
}

const figureOf = ({ name, data, protocol, value, interval }: FoundEvaluation): Omit<EvaluatedRow, "published"> => ({
  ...{ name, data, protocol, value },
  interval: interval ?? null,
});

function epochsOf(folder: string, step: number | null): number | null {
  const start = readLog(folder).findLast((event) => event.event === "start");
  return step === null || start?.event !== "start" || start.stepsPerEpoch === 0 ? null : step / start.stepsPerEpoch;
}

/** What a run's page says of them. */
export function evaluationsOf(folder: string, evaluations: Evaluations): Evaluated {
  const { settings } = readRun(folder);
  return {
    rows: evaluatedRows(folder, evaluations),
    refused: evaluations.refused.map(({ name, data, reason }) => ({ name, data, reason })),
    method: methods[settings.method].title,
    batch: settings.batchSize,
    epochs: epochsOf(folder, evaluations.step),
  };
}
