// Each method whole, and with its guard against collapse taken off, on pictures that Selfsight draws.
import { didYouMean, SelfsightError } from "../../errors.ts";
import { type MethodName, methods } from "../../methods/index.ts";
import { type PartialSettings, readLog } from "../../train/index.ts";
import { type Plan, parsePlan } from "../plan/plan.ts";
import { type Correlation, readTraining } from "../runner/cell-files.ts";
import { failureOf, type PlannedRow, resultOf } from "../runner/runner.ts";

interface Pair {
  /** What is taken off, in words. */
  guard: string;
  /** Heads for narrow trunks and small pictures. */
  whole: PartialSettings;
  off: PartialSettings;
}

/**
 * For methods with a teacher, prototypes or a stopped gradient. With the AdamW of the others MoCo and SimSiam, whole, have learned
 * nothing after 300 steps of some seeds, and SwAV of none.
 */
const lars: NonNullable<PartialSettings["optimizer"]> = {
  ...{ name: "lars", learningRate: 4, biasLearningRate: 0.1, momentum: 0.9 },
};

/**
 * For methods that only a predictor keeps from falling. Whole ones fell on some seeds while blocks began with all of their branch (16, 23
 * and 31): the many directions were gone within a hundred steps. From blocks that begin as nothing, and grow by their norms, they stand.
 */
const predicting: PartialSettings = { zeroInitResidual: true, optimizer: { ...lars, biasLearningRate: 1 } };

const pairs = {
  "barlow-twins": {
    guard: "redundancy term",
    whole: { projector: "256-256-256", lambda: 0.02 },
    off: { terms: "invariance" },
  },
  simclr: { guard: "negatives", whole: { projector: "256-64", temperature: 0.5 }, off: { negatives: false } },
  "moco-v2": {
    guard: "negatives",
    whole: {
      ...{ projector: "256-64", queueLength: 2048, symmetric: true, momentum: 0.99, finalMomentum: 0.99 },
      optimizer: lars,
    },
    off: { negatives: false },
  },
  byol: {
    guard: "predictor",
    whole: {
      ...{ projector: "256-256", predictor: "256", momentum: 0.5, finalMomentum: 1, warmupEpochs: 1 },
      ...predicting,
    },
    off: { predictor: "none" },
  },
  swav: {
    guard: "Sinkhorn's equal use",
    whole: { projector: "256-64", prototypes: 64, epsilon: 0.02, freezePrototypesEpochs: 1, optimizer: lars },
    off: { sinkhorn: false },
  },
  simsiam: {
    guard: "stop-gradient",
    whole: { projector: "256-256", predictor: "64", ...predicting },
    off: { stopGradient: false },
  },
  vicreg: {
    guard: "variance term",
    whole: { projector: "256-256-256" },
    off: { variance: 0 },
  },
} as const satisfies Partial<Record<MethodName, Pair>>;

export type CollapsingMethod = keyof typeof pairs;
export const collapsingMethods = Object.keys(pairs) as CollapsingMethod[];

/** Steps of a run unless told otherwise. */
const usualSteps = 300;

const base: PartialSettings = {
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 12,
  size: 32,
  batchSize: 128,
  warmupEpochs: 0.25,
  floor: 0,
  cosinePer: "step",
  zeroInitResidual: false,
  watchEverySteps: 10,
  optimizer: {
    ...{ name: "adamw", learningRate: 0.004, batchRule: "linear", biasLearningRate: null },
    ...{ weightDecay: 1e-4, decaysBiases: false, adaptsBiases: false },
  },
};

export interface CollapseOptions {
  /** Default all. */
  methods?: readonly string[];
  steps?: number;
  /** Each run once for each. Default 0 alone. */
  seeds?: readonly number[];
  /** Over those of all runs. */
  settings?: PartialSettings;
}

/** The pairs as a plan. Errors: configuration, for a method without a pair. */
export function collapsePlan({
  methods: wanted = [],
  steps = usualSteps,
  seeds = [0],
  settings = {},
}: CollapseOptions = {}): Plan {
  const names = wanted.length === 0 ? collapsingMethods : wanted.map(pairName);
  const rows = names.flatMap((method) => {
    const { guard, whole, off }: Pair = pairs[method];
    return [
      { method, settings: { views: gentleViews(method), ...whole } },
      {
        method,
        label: `${methods[method].title} without ${guard}`,
        settings: { views: gentleViews(method), ...whole, ...off },
      },
    ];
  });
  const plan = {
    title: "Collapse",
    data: "shapes",
    base: { ...base, ...settings },
    rows,
    seeds: [...seeds],
    budget: { steps },
  };
  return parsePlan({ ...plan, evaluations: { knn: {} } }, "collapse");
}

/** Crops of a third of the picture at least: of 32 pixels less shows one copy of a shape, and 300 steps are few. */
const gentleViews = (method: CollapsingMethod): PartialSettings["views"] =>
  methods[method].views(base.size!).map((view) => ({ ...view, crop: { ...view.crop, scale: [0.33, 1] } }));

function pairName(name: string): CollapsingMethod {
  if (Object.hasOwn(pairs, name)) return name as CollapsingMethod;
  throw new SelfsightError(
    "configuration",
    `collapse: ${name} has no guard that can be taken off; ${collapsingMethods.join(", ")} have; choose one.${didYouMean(name, collapsingMethods)}`,
  );
}

/** A method whole or without its guard, over the seeds. */
export interface CollapseRow {
  label: string;
  method: string;
  /** What was taken off; null: the method whole. */
  removed: string | null;
  runs: CollapseRun[];
}

/** One run of a row. */
export interface CollapseRun {
  seed: number;
  featureStd: number | null;
  effectiveRank: number | null;
  /** Share of test pictures, in [0, 1]. */
  knn: number | null;
  protocol: string | null;
  /** What the collapse watch says at the end; null: no collapse. */
  verdict: { kind: string; sentence: string } | null;
  /** Whether the watch is right: a whole method stands, one without guard has fallen. Null without a result. */
  isWatchRight: boolean | null;
  failure: string | null;
  curves: { step: number; featureStd: number; effectiveRank: number }[];
  correlation: { start: Correlation; end: Correlation } | null;
}

/** What the pairs have come to. */
export const collapseRows = (plan: Plan, planned: readonly PlannedRow[]): CollapseRow[] =>
  plan.rows.map((row, place) =>
    rowOf(
      row.method,
      place % 2 === 0,
      planned.find((own) => own.row === row),
    ),
  );

function rowOf(method: MethodName, isWhole: boolean, planned: PlannedRow | undefined): CollapseRow {
  const removed = isWhole ? null : pairs[method as CollapsingMethod].guard;
  return {
    ...{ label: removed === null ? methods[method].title : `  without ${removed}`, method, removed },
    runs: planned?.cells.map((cell) => runOf(cell, isWhole)) ?? [],
  };
}

function runOf(cell: PlannedRow["cells"][number], isWhole: boolean): CollapseRun {
  const training = readTraining(cell.folder);
  const result = resultOf(cell);
  return {
    seed: cell.seed,
    featureStd: training?.health?.featureStd ?? null,
    effectiveRank: training?.health?.effectiveRank ?? null,
    knn: result?.evaluations[0]?.value ?? null,
    protocol: result?.evaluations[0]?.protocol ?? null,
    verdict: training?.collapse ?? null,
    isWatchRight: training ? (training.collapse === null) === isWhole : null,
    failure: failureOf(cell)?.message ?? null,
    curves: curvesOf(cell.folder),
    correlation: result?.correlation ?? null,
  };
}

const curvesOf = (folder: string): CollapseRun["curves"] =>
  readLog(folder).flatMap((event) =>
    event.event === "step" && event.featureStd !== undefined
      ? [{ step: event.step, featureStd: event.featureStd, effectiveRank: event.effectiveRank! }]
      : [],
  );
