// Runs looked at from outside: what each is, how far it came, what of it may go.
import { type Dirent, existsSync, lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { storageError } from "../../files.ts";
import { readChanges } from "../steer/changes.ts";
import { glanceAtNewest, olderCheckpoints } from "./checkpoint.ts";
import { readRun, runPath } from "./folder.ts";
import { lockRunFolder, trainingOwner } from "./lock.ts";
import type { Owner } from "./lock-owner.ts";
import { logPath, readLog } from "./log.ts";

/** training: a process is at work. finished, stopped: nobody is. damaged: it cannot go on as it is. */
export type RunState = "training" | "finished" | "stopped" | "damaged";

export interface RunSummary {
  folder: string;
  state: RunState;
  /** Who trains. */
  owner: Owner | null;
  /** What is damaged. */
  problem: string | null;
  method: string | null;
  data: string | null;
  /** Steps done, and of a run that nobody trains steps saved. */
  step: number;
  /** Null before the first step. */
  totalSteps: number | null;
  /** How often settings were changed while it trained. */
  changes: number;
  /** The run and step that it was forked from. */
  forkOf: string | null;
  /** The last kNN accuracy on held-out pictures, from 0 to 1. */
  knn: number | null;
  bytes: number;
  /** When something was last written to its log. */
  changed: Date;
}

/** Folders deeper than this below the one that was named are not looked into. */
const deepest = 4;

/** The folder itself if it is a run, else the runs below it; hidden folders and links are passed by. Errors: storage. */
export function runFoldersBelow(folder: string, depth = deepest): string[] {
  if (existsSync(runPath(folder))) return [folder];
  return depth === 0 ? [] : foldersIn(folder).flatMap((path) => runFoldersBelow(path, depth - 1));
}

function foldersIn(folder: string): string[] {
  const isLookedInto = (entry: Dirent) => entry.isDirectory() && !entry.name.startsWith(".");
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter(isLookedInto);
    return entries.map(({ name }) => join(folder, name)).sort();
  } catch (cause) {
    throw storageError("list runs", folder, cause);
  }
}

/** What a run's folder says of itself; nothing in it is changed, and what is damaged becomes a state, not an error. */
export function surveyRun(folder: string): RunSummary {
  const owner = trainingOwner(folder) ?? null;
  const facts = { folder, owner, bytes: bytesIn(folder), changed: changedAt(folder) };
  try {
    const { settings, data, from } = readRun(folder);
    const forkOf = from?.fork ? `${from.source}@${from.step}` : null;
    const changes = readChanges(folder).length;
    return { ...facts, method: settings.method, data, changes, forkOf, ...progressOf(folder, owner !== null) };
  } catch (error) {
    const problem = (error as Error).message;
    const unknown = { method: null, data: null, changes: 0, forkOf: null, step: 0, totalSteps: null, knn: null };
    return { ...facts, ...unknown, state: "damaged", problem };
  }
}

function progressOf(
  folder: string,
  isTraining: boolean,
): Pick<RunSummary, "state" | "problem" | "step" | "totalSteps" | "knn"> {
  const events = readLog(folder);
  const totalSteps = events.findLast((event) => event.event === "start")?.totalSteps ?? null;
  const knn = events.findLast((event) => event.event === "evaluation")?.value ?? null;
  const saved = glanceAtNewest(folder)?.step;
  if (isTraining) return { state: "training", problem: null, step: events.at(-1)?.step ?? 0, totalSteps, knn };
  if (saved === undefined && events.some(({ event }) => event === "checkpoint"))
    return { state: "damaged", problem: "no whole checkpoint", step: 0, totalSteps, knn };
  const state = saved !== undefined && saved === totalSteps ? "finished" : "stopped";
  return { state, problem: null, step: saved ?? 0, totalSteps, knn };
}

function changedAt(folder: string): Date {
  const found = statSync(logPath(folder), { throwIfNoEntry: false }) ?? statSync(folder);
  return found.mtime;
}

/** Of files as they are now: a run that trains makes and removes some meanwhile, and what vanishes counts nothing. */
function bytesIn(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.isFile() ? found.size : 0;
  return namesIn(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export interface PrunedRun {
  folder: string;
  checkpoints: string[];
  bytes: number;
}

/** What of a finished run may go: its checkpoints older than the newest whole one. Every byte of that one is read. */
export function prunableCheckpoints({ folder, state }: Pick<RunSummary, "folder" | "state">): PrunedRun {
  const checkpoints = state === "finished" ? olderCheckpoints(folder) : [];
  return { folder, checkpoints, bytes: checkpoints.reduce((sum, path) => sum + bytesIn(path), 0) };
}

/** Deletes that, under the run's lock, after another look. Errors: configuration (somebody trains there again), storage. */
export function pruneRun(folder: string): PrunedRun {
  const unlock = lockRunFolder(folder);
  try {
    const pruned = prunableCheckpoints({ folder, state: progressOf(folder, false).state });
    for (const path of pruned.checkpoints) removeCheckpoint(path);
    return pruned;
  } finally {
    unlock();
  }
}

function removeCheckpoint(path: string): void {
  try {
    rmSync(path, { recursive: true });
  } catch (cause) {
    throw storageError("prune", path, cause);
  }
}
