// A plan's cells: one training run each. A cell's folder is named by what it is and by a hash of what shapes its result, so a
// changed plan finds the cells that it still has and leaves the others where they lie.
import { createHash } from "node:crypto";
import { type Settings, settingsHash } from "../../train/index.ts";
import type { Measurement } from "../plan/measurements.ts";
import { type Budget, type Evaluations, type Plan, type PlanRow, rowSettings, slugOf } from "../plan/plan.ts";

/** What one process is told to do; it travels as JSON. */
export interface CellJob {
  /** Its run folder. */
  folder: string;
  data: string;
  settings: Settings;
  evaluations: Evaluations;
  /** What is measured otherwise than on cached features. */
  measurements: Measurement[];
  /** Whether the correlation of the two views' features is kept, before and after training. */
  withCorrelation: boolean;
}

export interface Cell {
  row: PlanRow;
  seed: number;
  name: string;
  settings: Settings;
}

/** A cell with the folder of its run and the hash of what the plan asks to be measured. */
export type PlannedCell = Cell & { folder: string; evaluationsHash: string };

/** Steps or epochs of a row; those of a time budget have been found out before. */
export type Length = { steps: number } | { epochs: number };

export const budgetOf = (plan: Plan, row: PlanRow): Budget => row.budget ?? plan.budget;

/** A row's length where it does not depend on the machine. */
export function fixedLength(plan: Plan, row: PlanRow): Length | undefined {
  const budget = budgetOf(plan, row);
  if ("minutes" in budget) return undefined;
  if (!("images" in budget)) return budget;
  const { batchSize } = rowSettings(plan, row, { seed: plan.seeds[0]!, steps: 1 });
  return { steps: Math.max(1, Math.round(budget.images / batchSize)) };
}

/** The cells of one row, one for each seed. */
export function cellsOf(plan: Plan, row: PlanRow, data: string, length: Length): Cell[] {
  return plan.seeds.map((seed) => {
    const settings = rowSettings(plan, row, { seed, ...length });
    return { row, seed, settings, name: `${slugOf(row)}-seed-${seed}-${shapeHash(data, settings)}` };
  });
}

const shapeHash = (data: string, settings: Settings): string =>
  createHash("sha256")
    .update(`${data}\n${settingsHash(settings)}`)
    .digest("hex")
    .slice(0, 8);

/** Tells whether stored evaluations are those that are asked for now. */
export const evaluationsHash = (
  { evaluations, measurements }: Pick<Plan, "evaluations" | "measurements">,
  withCorrelation: boolean,
): string =>
  createHash("sha256")
    .update(JSON.stringify([evaluations, withCorrelation, ...measurements]))
    .digest("hex")
    .slice(0, 8);
