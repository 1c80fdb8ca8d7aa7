// What a plan has found so far, read from its cells: one row for each method and setting, seeds gathered.
import { describeLeftOut } from "../../data/index.ts";
import { spread } from "../../evaluate/index.ts";
import { type PublishedRow, type PublishedTableId, publishedRows, publishedTables } from "../../report/index.ts";
import type { Settings } from "../../train/index.ts";
import { type Budget, labelOf, type Plan, type PlanRow, type Protocol, protocols } from "../plan/plan.ts";
import { type CellResult, type CellTraining, readTraining } from "../runner/cell-files.ts";
import { budgetOf } from "../runner/cells.ts";
import { failureOf, type PlannedRow, resultOf } from "../runner/runner.ts";
import { toleratedShare } from "../runner/time-budgets.ts";

/** A protocol's figure over the seeds. Shares in [0, 1]. */
export interface Figure {
  /** Name, version and what changes the figure. */
  protocol: string;
  mean: number;
  /** Standard deviation over the seeds (divided by seeds - 1); null of one seed. */
  spread: number | null;
  /** By seed. */
  values: { seed: number; value: number }[];
}

export interface TableRow {
  label: string;
  method: string;
  /** Null until a cell is trained. */
  epochs: number | null;
  steps: number | null;
  /** Of training; median of the cells. */
  minutes: number | null;
  /** Cells that trained more than a tenth longer or shorter than their plan's minutes. */
  offPlan: { seed: number; minutes: number; planned: number }[];
  /** Images in one step, over all processes. */
  globalBatch: number | null;
  /** Such as `2 x 224 + 6 x 96`, in pixels. */
  views: string | null;
  parametersTrained: number | null;
  /** Median of the cells. */
  imagesPerSecond: number | null;
  /** Of the cells' processes, the largest. */
  peakMemoryBytes: number | null;
  seeds: number[];
  figures: Partial<Record<Protocol, Figure>>;
  /** What the collapse watch said at the end of a cell. */
  collapses: { seed: number; kind: string; sentence: string }[];
  failures: { seed: number | null; kind: string; message: string }[];
  /** Cells without a result or failure yet. */
  cellsLeft: number;
  /** Others' figures for the same method or setting. */
  published: { table: PublishedTableId; row: PublishedRow }[];
}

export interface ComparisonTable {
  title: string;
  description: string;
  data: string;
  images: number | null;
  seeds: number[];
  /** Device, precision and threads of the cells. */
  machines: string[];
  protocols: Protocol[];
  rows: TableRow[];
  published: Partial<Record<PublishedTableId, (typeof publishedTables)[PublishedTableId]>>;
  /** What a reader should know. */
  notes: string[];
}

interface Found {
  seed: number;
  settings: Settings;
  training: CellTraining | undefined;
  result: CellResult | undefined;
  failure: { kind: string; message: string } | undefined;
}

/** The table of a plan's rows as far as they are. */
export function comparisonTable(plan: Plan, data: string, planned: readonly PlannedRow[]): ComparisonTable {
  const found = plan.rows.map((row) => foundOf(planned.find((own) => own.row === row)));
  const trainings = found.flatMap((cells) => cells.flatMap(({ training }) => training ?? []));
  const published = plan.published.map((table) => [table, publishedTables[table]] as const);
  return {
    title: plan.title,
    description: plan.description,
    data,
    images: trainings[0]?.images ?? null,
    seeds: plan.seeds,
    machines: distinct(
      trainings.map(
        ({ device, precision, threads }) =>
          `${device}, ${precision}, ${threads === 1 ? "1 thread" : `${threads} threads`}`,
      ),
    ),
    protocols: protocols.filter((protocol) => plan.evaluations[protocol] !== undefined),
    rows: plan.rows.map((row, place) =>
      rowOf(
        plan,
        row,
        planned.find((own) => own.row === row),
        found[place]!,
      ),
    ),
    published: Object.fromEntries(published),
    notes: notesOn(
      trainings,
      found.flatMap((cells) => cells.flatMap(({ result }) => result ?? [])),
    ),
  };
}

const foundOf = (planned: PlannedRow | undefined): Found[] =>
  (planned?.cells ?? []).map((cell) => ({
    seed: cell.seed,
    settings: cell.settings,
    training: readTraining(cell.folder),
    result: resultOf(cell),
    failure: failureOf(cell),
  }));

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

function notesOn(trainings: readonly CellTraining[], results: readonly CellResult[]): string[] {
  const pictures = new Set(trainings.map(({ fingerprint }) => fingerprint));
  const leftOut = describeLeftOut(distinct([...trainings, ...results].flatMap((own) => own.leftOut)).sort());
  return [
    ...(pictures.size > 1 ? ["The rows did not all see the same pictures."] : []),
    ...(leftOut === "" ? [] : [`${leftOut}.`]),
  ];
}

function rowOf(plan: Plan, row: PlanRow, planned: PlannedRow | undefined, cells: readonly Found[]): TableRow {
  const trainings = cells.flatMap(({ training }) => training ?? []);
  const [settings, training] = [cells[0]?.settings, trainings[0]];
  const left = cells.filter(({ result, failure }) => !result && !failure).length;
  return {
    label: labelOf(row),
    method: row.method,
    epochs: training ? training.steps / training.stepsPerEpoch : null,
    steps: training?.steps ?? null,
    minutes: middle(trainings.flatMap(({ trainingSeconds: own }) => (own === null ? [] : own / 60))),
    offPlan: offPlanOf(budgetOf(plan, row), cells),
    globalBatch: settings?.batchSize ?? null,
    views: settings ? viewSizes(settings) : null,
    parametersTrained: training?.parameters ?? null,
    imagesPerSecond: middle(trainings.map((own) => own.imagesPerSecond)),
    peakMemoryBytes: trainings.length > 0 ? Math.max(...trainings.map((own) => own.peakMemoryBytes)) : null,
    seeds: cells.filter(({ result }) => result).map(({ seed }) => seed),
    figures: figuresOf(cells),
    collapses: cells.flatMap(({ seed, training: own }) => (own?.collapse ? [{ seed, ...own.collapse }] : [])),
    failures: failuresOf(planned, cells),
    cellsLeft: planned ? left : plan.seeds.length,
    published: publishedRows(plan.published, row.published ?? row.method),
  };
}

function offPlanOf(budget: Budget, cells: readonly Found[]): TableRow["offPlan"] {
  if (!("minutes" in budget)) return []; // then the length is exact
  const { minutes: planned } = budget;
  const times = cells.flatMap(({ seed, training }) =>
    training?.trainingSeconds ? [{ seed, minutes: training.trainingSeconds / 60, planned }] : [],
  );
  return times.filter(({ minutes }) => Math.abs(minutes / planned - 1) > toleratedShare);
}

const failuresOf = (planned: PlannedRow | undefined, cells: readonly Found[]): TableRow["failures"] => [
  ...(planned?.failure ? [{ seed: null, ...planned.failure }] : []),
  ...cells.flatMap(({ seed, failure }) => (failure ? [{ seed, ...failure }] : [])),
];

/** `2 x 224 + 6 x 96`: views counted by their size. */
export function viewSizes({ views }: Pick<Settings, "views">): string {
  const sizes = views.map(({ size }) => size);
  return [...new Set(sizes)].map((size) => `${sizes.filter((own) => own === size).length} x ${size}`).join(" + ");
}

function figuresOf(cells: readonly Found[]): Partial<Record<Protocol, Figure>> {
  const measured = cells.flatMap(({ seed, result }) => (result ? [{ seed, result }] : []));
  const entries = protocols.flatMap((protocol) => {
    const values = measured.flatMap(({ seed, result }) => {
      const found = result.evaluations[result.protocols.indexOf(protocol)];
      return found ? [{ seed, value: found.value, protocol: found.protocol }] : [];
    });
    return values.length > 0 ? [[protocol, figureOf(values)] as const] : [];
  });
  return Object.fromEntries(entries);
}

function figureOf(found: readonly { seed: number; value: number; protocol: string }[]): Figure {
  const values = found.map(({ value }) => value);
  return {
    protocol: distinct(found.map(({ protocol }) => protocol)).join("; "),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    spread: spread(values),
    values: found.map(({ seed, value }) => ({ seed, value })),
  };
}

const middle = (values: readonly number[]): number | null =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
