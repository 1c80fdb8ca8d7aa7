// A plan from its first cell to its last. What is done is found on the disk, so the same command goes on where the last one was
// cut off: finished cells stand, a half-done one goes on from its checkpoint, failed ones are tried again where that can help.
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Team } from "../../distributed/index.ts";
import { makeFolder } from "../../files.ts";
import { type LogEvent, lockRunFolder, refuseLockedFolder } from "../../train/index.ts";
import { budgetKey, labelOf, type Plan, type PlanRow, rowSettings } from "../plan/plan.ts";
import {
  type CellFailure,
  type CellResult,
  readFailure,
  readResult,
  readTraining,
  writeFailure,
} from "./cell-files.ts";
import {
  budgetOf,
  type Cell,
  type CellJob,
  cellsOf,
  evaluationsHash,
  fixedLength,
  type Length,
  type PlannedCell,
} from "./cells.ts";
import { chosenData } from "./chosen-data.ts";
import { environmentOf, lockIn, refuseOtherFolder, refuseTimes, runCellsTogether } from "./runner-together.ts";
import { type Outcome, type Running, startProcess } from "./start-process.ts";
import { keepBudget, mostCorrections, paceWatch, readBudgets, type TimeBudget } from "./time-budgets.ts";

export interface RunPlanOptions {
  folder: string;
  /** Keeps each cell's correlation matrix. Default false. */
  withCorrelation?: boolean;
  onProgress?: (progress: PlanProgress) => void;
  /** Ends the plan after saving. */
  signal?: AbortSignal;
  /** Called whenever a cell has ended. */
  onCellEnd?: (rows: readonly PlannedRow[], data: string) => void;
  /** The processes that run cells of the plan beside this one. Default none. */
  team?: Team | undefined;
}

interface Place {
  label: string;
  seed: number;
  /** Of the cells, from 1. */
  number: number;
  cells: number;
}

/** Where the plan stands. */
export type PlanProgress =
  | { kind: "plan"; data: string; cells: number }
  | { kind: "pace"; label: string; minutes: number; steps: number }
  | ({ kind: "start" | "kept" | "done" } & Place)
  | ({ kind: "event"; event: LogEvent } & Place)
  | ({ kind: "failed"; failure: CellFailure } & Place);

/** A row with its cells; none where its length could not be found out. */
export interface PlannedRow {
  row: PlanRow;
  cells: readonly PlannedCell[];
  failure?: CellFailure;
}

interface Session extends RunPlanOptions {
  plan: Plan;
  data: string;
  /** Rows whose length is known, those that are still to come among them. */
  rows: PlannedRow[];
  cells: number;
}

/** How far a plan came. */
export interface RanPlan {
  reason: "complete" | "stopped";
  data: string;
  rows: PlannedRow[];
}

/**
 * Runs a plan as far as it can; among several processes each runs some of its cells, and all return when all are done.
 * Errors: configuration, when another process works in the folder; storage.
 */
export async function runPlan(plan: Plan, options: RunPlanOptions): Promise<RanPlan> {
  if (options.team) return runTogether(plan, options, options.team);
  const unlock = holdFolder(options);
  try {
    const data = await chosenData(plan, options.folder);
    const session = sessionOf(plan, data, options);
    session.onProgress?.({ kind: "plan", data, cells: session.cells });
    for (const row of plan.rows)
      if (!(await runRow(session, row))) return { reason: "stopped", data, rows: session.rows };
    return { reason: "complete", data, rows: session.rows };
  } finally {
    unlock();
  }
}

function holdFolder({ folder }: RunPlanOptions): () => void {
  makeFolder(join(folder, "cells"));
  return lockRunFolder(folder);
}

/** With the rows whose length is known before anything runs. */
function sessionOf(plan: Plan, data: string, options: RunPlanOptions): Session {
  const session: Session = { ...options, plan, data, rows: [], cells: plan.rows.length * plan.seeds.length };
  for (const row of plan.rows) {
    const length = keptLength(session, row);
    if (length) setRow(session, { row, cells: plannedCells(session, row, length) });
  }
  return session;
}

async function runTogether(plan: Plan, options: RunPlanOptions, team: Team): Promise<RanPlan> {
  let unlock: (() => void) | undefined;
  try {
    const { data, lock } = await team.byLeader(async () => {
      refuseTimes(plan);
      unlock = holdFolder(options);
      return { data: await chosenData(plan, options.folder), lock: lockIn(options.folder) };
    });
    refuseOtherFolder(options.folder, lock, team);
    const session = sessionOf(plan, data, options);
    if (team.isLeader) session.onProgress?.({ kind: "plan", data, cells: session.cells });
    const reason = await runCellsTogether(team, workOf(session, team));
    return { reason, data, rows: session.rows };
  } finally {
    unlock?.();
  }
}

const workOf = (session: Session, team: Team) => ({
  cells: session.plan.rows.flatMap((row) => session.rows.find((own) => own.row === row)?.cells ?? []),
  isFinished,
  async run(cell: PlannedCell, wish: AbortSignal) {
    const end = await runOneCell({ ...session, signal: wish }, cell);
    if (team.isLeader) session.onCellEnd?.(session.rows, session.data);
    return end === "stopped" ? "stopped" : "ended";
  },
  tell: (cell: PlannedCell, kind: "kept" | "done") => session.onProgress?.({ kind, ...placeOf(session, cell) }),
  isStopping: () => session.signal?.aborted === true,
});

/** False when it was asked to stop. A row whose pace was wrong begins again with the right number of steps. */
async function runRow(session: Session, row: PlanRow): Promise<boolean> {
  const length = await lengthOf(session, row);
  if (length === "stopped") return false;
  if ("failure" in length) {
    setRow(session, { row, cells: [], failure: length.failure });
    return true;
  }
  const cells = plannedCells(session, row, length);
  setRow(session, { row, cells });
  for (const cell of cells) {
    const end = await runOneCell(session, cell);
    if (end === "corrected") return runRow(session, row);
    session.onCellEnd?.(session.rows, session.data);
    if (end === "stopped") return false;
  }
  return true;
}

function setRow(session: Session, planned: PlannedRow): void {
  session.rows = [...session.rows.filter(({ row }) => row !== planned.row), planned];
}

function plannedCells(session: Session, row: PlanRow, length: Length): PlannedCell[] {
  const { plan, folder, data, withCorrelation = false } = session;
  const wanted = evaluationsHash(plan, withCorrelation);
  return cellsOf(plan, row, data, length).map((cell) => ({
    ...cell,
    folder: join(folder, "cells", cell.name),
    evaluationsHash: wanted,
  }));
}

async function runOneCell(session: Session, cell: PlannedCell): Promise<"ended" | "stopped" | "corrected"> {
  const { onProgress } = session;
  const place = placeOf(session, cell);
  if (isFinished(cell)) {
    onProgress?.({ kind: "kept", ...place });
    return session.signal?.aborted ? "stopped" : "ended";
  }
  if (session.signal?.aborted) return "stopped";
  onProgress?.({ kind: "start", ...place });
  await freed(cell.folder);
  const { outcome, steps } = await trainedInProcess(session, cell, place);
  if (outcome.how === "failed") {
    writeFailure(cell.folder, outcome.failure);
    onProgress?.({ kind: "failed", ...place, failure: outcome.failure });
  } else if (corrected(session, cell.row, steps)) return "corrected";
  if (outcome.how === "done") onProgress?.({ kind: "done", ...place });
  return outcome.how === "stopped" ? "stopped" : "ended";
}

/** The cell in a process of its own, and what its pace said of the row's number of steps; where that is another, it is stopped. */
async function trainedInProcess(session: Session, cell: PlannedCell, place: Place) {
  const { plan, data, onProgress, withCorrelation = false } = session;
  const watch = paceWatchOf(session, cell.row);
  const planned = keptTime(session, cell.row)?.steps;
  let steps: number | undefined;
  const onEvent = (event: LogEvent) => {
    onProgress?.({ kind: "event", ...place, event });
    steps ??= watch?.(event);
    if (steps !== undefined && steps !== planned) running.stop();
  };
  const job: CellJob = {
    ...cell,
    data,
    evaluations: plan.evaluations,
    measurements: plan.measurements,
    withCorrelation,
  };
  const running = startProcess({ kind: "cell", job: jobOf(job) }, onEvent, environmentOf(session.team, cell.settings));
  return { outcome: await ended(session, running), steps };
}

function placeOf({ plan, cells }: Session, { row, seed }: Cell): Place {
  const before = plan.rows.indexOf(row) * plan.seeds.length;
  return { label: labelOf(row), seed, number: before + plan.seeds.indexOf(seed) + 1, cells };
}

/** Only what the process needs; the rest of a cell is ours. */
const jobOf = ({ folder, data, settings, evaluations, measurements, withCorrelation }: CellJob): CellJob => ({
  folder,
  data,
  settings,
  evaluations,
  measurements,
  withCorrelation,
});

/** Measured as the plan asks now, or failed in a way that the same steps would repeat. */
const isFinished = (cell: PlannedCell): boolean =>
  readFailure(cell.folder)?.kind === "numerics" || (readTraining(cell.folder) && resultOf(cell)) !== undefined;

/** What was measured as the plan asks now. */
export function resultOf({ folder, evaluationsHash: wanted }: PlannedCell): CellResult | undefined {
  const result = readResult(folder);
  return result?.evaluationsHash === wanted ? result : undefined;
}

async function ended({ signal }: Session, running: Running): Promise<Outcome> {
  const stop = () => running.stop();
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    return await running.outcome;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

const longestWaitSeconds = 120;

/** The process of a killed plan saves its step and ends by itself; until then its folder is locked. */
async function freed(folder: string): Promise<void> {
  for (let waited = 0; waited < longestWaitSeconds; waited += 0.25) {
    try {
      return refuseLockedFolder(folder);
    } catch {
      await pause(250);
    }
  }
}

// ---- time budgets ----

async function lengthOf(session: Session, row: PlanRow): Promise<Length | "stopped" | { failure: CellFailure }> {
  const known = keptLength(session, row);
  const budget = budgetOf(session.plan, row);
  if (!("minutes" in budget)) return known!;
  const { minutes } = budget;
  const found = known ?? (await pace(session, row, minutes));
  if ("how" in found && found.how === "failed") return { failure: found.failure };
  if (!("steps" in found)) return "stopped";
  const { steps } = found;
  if (!known) keepTime(session, row, { minutes, steps, corrections: 0 });
  session.onProgress?.({ kind: "pace", label: labelOf(row), minutes, steps });
  return { steps };
}

/** A row's length without measuring anything; undefined for a time budget that was never turned into steps. */
function keptLength(session: Session, row: PlanRow): Length | undefined {
  const steps = keptTime(session, row)?.steps;
  return fixedLength(session.plan, row) ?? (steps === undefined ? undefined : { steps });
}

/** Of a row by time whose steps are known. */
function keptTime({ plan, data, folder }: Session, row: PlanRow): TimeBudget | undefined {
  const budget = budgetOf(plan, row);
  return "minutes" in budget ? readBudgets(folder)[budgetKey(plan, row, data, budget.minutes)] : undefined;
}

const keepTime = ({ plan, data, folder }: Session, row: PlanRow, budget: TimeBudget): void =>
  keepBudget(folder, budgetKey(plan, row, data, budget.minutes), budget);

/** Undefined for a row whose length stands. */
function paceWatchOf(session: Session, row: PlanRow): ReturnType<typeof paceWatch> | undefined {
  const budget = keptTime(session, row);
  return budget && budget.corrections < mostCorrections ? paceWatch(budget) : undefined;
}

/** Keeps what the watch has said; true where the row's number of steps is another now. */
function corrected(session: Session, row: PlanRow, steps: number | undefined): boolean {
  const budget = keptTime(session, row);
  if (!budget || steps === undefined) return false;
  const hasChanged = steps !== budget.steps;
  keepTime(session, row, { ...budget, steps, corrections: hasChanged ? budget.corrections + 1 : mostCorrections });
  return hasChanged;
}

async function pace(session: Session, row: PlanRow, minutes: number): Promise<Outcome> {
  if (session.signal?.aborted) return { how: "stopped" };
  const { plan, data, folder } = session;
  const settings = rowSettings(plan, row, { seed: plan.seeds[0]!, steps: 1_000_000 });
  const job: CellJob = { folder, data, settings, evaluations: {}, measurements: [], withCorrelation: false };
  const outcome = await ended(
    session,
    startProcess({ kind: "pace", job, minutes }, () => {}),
  );
  return session.signal?.aborted && outcome.how !== "paced" ? { how: "stopped" } : outcome;
}

/** The kind of the first cell that failed; undefined when all have a result. */
export function firstFailure(rows: readonly PlannedRow[]): CellFailure | undefined {
  const failures = rows.flatMap(({ cells, failure }) => [failure, ...cells.map(failureOf)]);
  return failures.find((failure) => failure !== undefined);
}

/** A failure stands until there is a result. */
export const failureOf = (cell: PlannedCell): CellFailure | undefined =>
  resultOf(cell) ? undefined : readFailure(cell.folder);
