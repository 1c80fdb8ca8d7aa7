// A comparison as sheets of text: headings and cells, before they become Markdown or a page.
import {
  type PublishedRow,
  type PublishedTable,
  type PublishedTableId,
  publishedNames,
  publishedTables,
} from "../../report/index.ts";
import type { ComparisonTable, Figure, TableRow } from "./table.ts";

export interface Sheet {
  title: string;
  /** Lines above the sheet. */
  lead: readonly string[];
  headings: readonly string[];
  rows: readonly (readonly string[])[];
  /** Lines below the sheet. */
  foot: readonly string[];
}

const protocolTitles = { knn: "kNN", linear: "linear", "few-shot": "few-shot" } as const;
/** Stands behind figures that could not be verified in their source. */
const unverifiedMark = "[U]";
const unverifiedFoot = `${unverifiedMark} could not be verified in the source.`;

const linearFoot =
  "Linear here is trained on standardised features of whole pictures, without crops and flips; published figures are not.";

/** The comparison first, the published tables after it. */
export const sheetsOf = (table: ComparisonTable): Sheet[] => [
  comparisonSheet(table),
  ...Object.values(table.published).map(publishedSheet),
];

function comparisonSheet(table: ComparisonTable): Sheet {
  const measures = table.protocols.map((protocol) => `${protocolTitles[protocol]}, %`);
  const beside = Object.keys(table.published).length > 0 ? ["published"] : [];
  return {
    title: table.title,
    lead: leadOf(table),
    headings: [...settingHeadings, ...measures, ...beside, "remarks"],
    rows: table.rows.map((row) => [
      ...settingCells(row),
      ...table.protocols.map((protocol) => figureText(row.figures[protocol])),
      ...(beside.length > 0 ? [publishedText(row)] : []),
      remarks(row),
    ]),
    foot: footOf(table),
  };
}

const settingHeadings = [
  "method",
  "epochs",
  "minutes",
  "global batch",
  "views, pixels",
  "parameters trained",
  "images/s",
  "peak memory",
] as const;

const settingCells = (row: TableRow): string[] => [
  row.label,
  epochsText(row),
  row.minutes === null ? "" : row.minutes.toFixed(1),
  text(row.globalBatch),
  row.views ?? "",
  row.parametersTrained === null ? "" : `${(row.parametersTrained / 1e6).toFixed(2)} M`,
  row.imagesPerSecond === null ? "" : String(Math.round(row.imagesPerSecond)),
  row.peakMemoryBytes === null ? "" : `${Math.round(row.peakMemoryBytes / 2 ** 20)} MiB`,
];

const text = (value: number | null): string => (value === null ? "" : String(value));

const epochsText = ({ epochs, steps }: TableRow): string =>
  epochs === null ? "" : `${Number(epochs.toFixed(1))} (${steps} steps)`;

const percent = (share: number): string => (100 * share).toFixed(1);

/** `61.2 ± 0.4`, or `61.2` of one seed. */
export const figureText = (figure: Figure | undefined): string => {
  if (!figure) return "";
  return figure.spread === null ? percent(figure.mean) : `${percent(figure.mean)} ± ${percent(figure.spread)}`;
};

const publishedText = ({ published }: TableRow): string =>
  published.map(({ table, row }) => figureBeside(table, row)).join("; ");

/** Others' first figure with what it depends on; the whole table stands below. */
function figureBeside(id: PublishedTableId, row: PublishedRow): string {
  const table: PublishedTable = publishedTables[id];
  const columns = row.epochs === null ? table.columns : table.columns.slice(0, 1);
  const values = columns.map((column) => `${published(row, column)}${row.epochs === null ? ` (${column})` : ""}`);
  const epochs = row.epochs === null ? "" : `${published(row, "epochs")} epochs, `;
  return `${values.join(", ")} [${epochs}batch ${published(row, "batch")}; ${publishedNames[id]}]`;
}

/** A figure, or `epochs` or `batch`, with its mark; `-` where the source has none. */
function published(row: PublishedRow, key: string): string {
  const value = key === "epochs" ? row.epochs : key === "batch" ? row.batch : row.figures[key];
  const mark = row.unverified?.includes(key) ? ` ${unverifiedMark}` : "";
  return `${value === null || value === undefined ? "-" : key in row.figures ? decimal(value) : value}${mark}`;
}

/** Accuracies with the decimals of their source, at least one. */
const decimal = (value: number): string => (Number.isInteger(10 * value) ? value.toFixed(1) : String(value));

function remarks({ collapses, failures, cellsLeft, offPlan }: TableRow): string {
  const left = cellsLeft > 0 ? [`${cellsLeft} cells to go`] : [];
  const collapsed = collapses.map(({ seed, sentence }) => `seed ${seed}: collapse watch: ${sentence}`);
  const off = offPlan.map(
    ({ seed, minutes, planned }) =>
      `seed ${seed}: trained for ${minutes.toFixed(1)} minutes where ${planned} were planned: not to be compared by time`,
  );
  const failed = failures.map(({ seed, message }) => `${seed === null ? "" : `seed ${seed} `}failed: ${message}`);
  return [...failed, ...off, ...collapsed, ...left].join("; ");
}

function leadOf({ description, data, images, seeds, machines }: ComparisonTable): string[] {
  const pictures = images === null ? data : `${data}, ${images} training images`;
  const facts = [
    `Data: ${pictures}.`,
    `Seeds: ${seeds.join(", ")}.`,
    ...machines.map((machine) => `Machine: ${machine}.`),
  ];
  return [...(description ? [description] : []), facts.join(" ")];
}

function footOf({ rows, notes, protocols: wanted, seeds, published: tables }: ComparisonTable): string[] {
  const names = wanted.flatMap((protocol) => [
    ...new Set(rows.flatMap(({ figures }) => figures[protocol]?.protocol ?? [])),
  ]);
  const measured = names.length > 0 ? [`Protocols: ${names.join("; ")}.`] : [];
  const spread = seeds.length > 1 ? ["± is the standard deviation over the seeds."] : [];
  const own = wanted.includes("linear") ? ` ${linearFoot}` : "";
  const beside =
    Object.keys(tables).length > 0
      ? [
          `Published figures stand with their own batch, epochs and protocol, ours are those of the last epoch.${own} ${unverifiedFoot}`,
        ]
      : [];
  const memory =
    "Peak memory is the resident memory of the cell's process while it trained; minutes are those of its steps, images/s the median over them.";
  return [...measured, ...spread, memory, ...beside, ...notes];
}

/** A published table as a sheet of its own. */
export function publishedSheet(table: PublishedTable): Sheet {
  const isMarked = table.rows.some(({ unverified = [] }) => unverified.length > 0);
  const notes = table.rows.filter(({ note }) => note).map(({ label, note }) => `${label}: ${note}.`);
  return {
    title: table.title,
    lead: [`Published: ${table.source}. Protocol: ${table.protocol}.`],
    headings: ["method", "epochs", "batch", ...table.columns],
    rows: table.rows.map((row) => [
      row.label,
      ...["epochs", "batch", ...table.columns].map((key) => published(row, key)),
    ]),
    foot: [...notes, ...(isMarked ? [unverifiedFoot] : [])],
  };
}
