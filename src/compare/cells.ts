// A plan's cells: one training run each. A cell's folder is named by what it is and by a hash of what shapes its result, so a
// changed plan finds the cells that it still has and leaves the others where they lie.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { findKnownDatasets } from "../data/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { type Settings, settingsHash } from "../train/index.ts";
import { readChosenData, writeChosenData } from "./cell-files.ts";
import { type Budget, type Evaluations, type Plan, type PlanRow, rowSettings, slugOf } from "./plan.ts";

/** What one process is told to do; it travels as JSON. */
export interface CellJob {
  /** Its run folder. */
  folder: string;
  data: string;
  settings: Settings;
  evaluations: Evaluations;
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
export const evaluationsHash = (evaluations: Evaluations, withCorrelation: boolean): string =>
  createHash("sha256")
    .update(JSON.stringify([evaluations, withCorrelation]))
    .digest("hex")
    .slice(0, 8);

/**
 * The plan's pictures: of several candidates the one that `folder` began with, else the first that is on this machine, else the last.
 * Errors: configuration, when the one that it began with is not here now; rows of different pictures are no comparison.
 */
export async function chosenData({ data }: Pick<Plan, "data">, folder: string): Promise<string> {
  const candidates = typeof data === "string" ? [data] : data;
  const known = candidates.length > 1 ? await findKnownDatasets() : {};
  const isHere = (name: string) => name === "shapes" || Boolean(known[name]) || (!(name in known) && existsSync(name));
  const begun = candidates.length > 1 ? candidates.find((name) => name === readChosenData(folder)) : undefined;
  if (begun !== undefined && !isHere(begun)) throw goneData(folder, begun);
  const chosen = begun ?? candidates.find(isHere) ?? candidates.at(-1)!;
  if (candidates.length > 1) writeChosenData(folder, chosen);
  return existsSync(chosen) && !(chosen in known) ? resolve(chosen) : chosen;
}

const goneData = (folder: string, name: string) =>
  new SelfsightError(
    "configuration",
    `compare: ${displayName(folder)} began with ${displayName(name)}, which is not on this machine now; the same pictures are needed; set SELFSIGHT_DATA to where they are, or choose another --out`,
  );
