// A run from start to end, as command and program both have it.
import type { Dataset } from "../data/index.ts";
import { leads, type Team } from "../distributed/index.ts";
import { didYouMean, displayName, SelfsightError } from "../errors.ts";
import { bringMethod, type Method } from "../methods/index.ts";
import { type RecipeName, recipes } from "../recipes/index.ts";
import {
  forkPointFrom,
  forkRun,
  goOnWithRun,
  type LogEvent,
  type PartialSettings,
  type PreparedRun,
  type RunSettings,
  refuseUnfit,
  replayRun,
  startRun,
  type TrainResult,
  train,
} from "../train/index.ts";
import { askedOfPretrain, askedOfResume } from "./asked.ts";
import { warnThroughNode } from "./warnings.ts";

export interface RunOptions {
  /** Ends the run after the step that it is in, saved. */
  signal?: AbortSignal | undefined;
  /** Told of every line of the log, and of warnings before it is open. Default: warnings go to Node's. */
  onEvent?: ((event: LogEvent) => void) | undefined;
}

export interface PretrainOptions extends RunOptions {
  /** The run's folder. Default: the first of runs/DATA, runs/DATA-2, ... that is free. */
  out?: string | undefined;
  /**
   * A run's folder or a weights.safetensors whose trunk the run begins with; `RUN@STEP` or `RUN@newest` forks that run, settings, optimizer
   * and steps included as far as they fit. Default: weights drawn anew.
   */
  from?: string | undefined;
  /** A shipped recipe, or settings of one's own, below the settings that are given. */
  recipe?: RecipeName | PartialSettings | undefined;
}

export interface ResumeOptions extends RunOptions {
  /** The pictures, where they are no longer where the run found them. */
  data?: string | Dataset | undefined;
  /** Go on although the pictures are no longer those of the run. Default false. */
  acceptDatasetChange?: boolean | undefined;
  /** Take the folder although another machine's process seems to train in it. Default false. */
  takeOver?: boolean | undefined;
}

/** How a run ended, and where it lies. */
export interface PretrainResult extends TrainResult {
  folder: string;
}

/**
 * Learns from unlabelled pictures: a folder (recursive), a known name (`cifar10`, `cifar100`, `fashion-mnist`, `shapes`), or an
 * open dataset. What the settings leave out is as the method's paper has it. The run is saved on its way; after an
 * interruption of any kind `resume` goes on with it, to the bit.
 *
 * Steps run on this thread and hold its event loop for as long as they compute: timers and requests wait for seconds. A program
 * that has something else to do calls `pretrainInProcess`.
 *
 * @throws SelfsightError "configuration" (a run stands there, wrong settings, no such device), "data", "storage", "numerics".
 */
export async function pretrain(
  data: string | Dataset,
  settings: RunSettings = {},
  { out, from, recipe = {}, ...options }: PretrainOptions = {},
): Promise<PretrainResult> {
  refuseUnfit("pretrain", askedOfPretrain, { data, settings, out, from });
  refuseTwoLengths(settings);
  const layers = [typeof recipe === "string" ? recipeNamed(recipe) : recipe, named(settings)];
  const making = { out, command: "pretrain(), as a library", warn: warningOf(options) };
  const point = from === undefined ? undefined : forkPointFrom(from);
  const run = point ? await forkRun(point, data, layers, making) : await startRun(data, layers, { ...making, from });
  return { folder: run.folder, ...(await trainRun(run, options)) };
}

/**
 * Does again what a run did, with every change that it was steered by at its step, in a new folder. On the same machine both end in the
 * same bits. Default folder: that of the run with `-replay` behind it.
 *
 * @throws SelfsightError "configuration" (a run that got another length), "checkpoint" (no run, other pictures), "data", "storage".
 */
export async function replay(
  folder: string,
  { data, out, ...options }: RunOptions & { data?: string | Dataset | undefined; out?: string | undefined } = {},
): Promise<PretrainResult> {
  const run = await replayRun(folder, data, [], { out, command: "replay(), as a library", warn: warningOf(options) });
  return { folder: run.folder, ...(await trainRun(run, options)) };
}

/**
 * Goes on with a run from its newest whole checkpoint, with its own settings and pictures, and ends with the bits of the unbroken
 * run. Of the settings only those may change that leave the result as it is; a method of one's own is given again.
 *
 * @throws SelfsightError "configuration" (a fixed setting, another process trains here), "checkpoint" (no run, damaged), "data".
 */
export async function resume(
  folder: string,
  settings: RunSettings = {},
  { data, acceptDatasetChange = false, takeOver = false, ...options }: ResumeOptions = {},
): Promise<PretrainResult> {
  refuseUnfit("resume", askedOfResume, { run: folder, settings, data });
  refuseTwoLengths(settings);
  const warn = warningOf(options);
  const changes = { data, acceptDatasetChange, takeOver };
  const run = await goOnWithRun(folder, [named(settings)], { ...changes, warn, say: warn });
  return { folder, ...(await trainRun(run, options)) };
}

export const warningOf =
  ({ onEvent }: RunOptions) =>
  (message: string): void =>
    onEvent ? onEvent({ event: "warning", step: 0, message }) : warnThroughNode(message);

/** The settings with the method's name; a method of the program's own is known by it from here on. */
export function named({ method, ...settings }: RunSettings): PartialSettings {
  if (typeof method === "object") bringMethod(method as Method);
  const name = typeof method === "object" ? method.name : method;
  return { ...settings, ...(name !== undefined && { method: name }) } as PartialSettings;
}

function recipeNamed(name: RecipeName): PartialSettings {
  if (Object.hasOwn(recipes, name)) return recipes[name];
  const names = Object.keys(recipes);
  throw new SelfsightError(
    "configuration",
    `pretrain: ${displayName(name)} is no recipe; ${names.join(", ")} are there; choose one.${didYouMean(name, names)}`,
  );
}

/** One of the two would win, and nobody would say which. */
export function refuseTwoLengths({ epochs, steps }: RunSettings): void {
  if (typeof epochs !== "number" || typeof steps !== "number") return;
  throw new SelfsightError(
    "configuration",
    `settings: epochs ${epochs} and steps ${steps}; one of them is needed; leave the other away, or give it as null`,
  );
}

/** Trains a prepared run to its end, with kNN on held-out pictures where there are labels. Errors: those of `train`. */
export async function trainRun(
  run: PreparedRun,
  { signal, onEvent, team }: RunOptions & { team?: Team | undefined } = {},
): Promise<TrainResult> {
  const evaluate = await watchOf(run, team);
  const draw = leads(team) ? await mapOf(run, onEvent) : undefined;
  return train({
    ...run,
    ...(team && { team }),
    ...(evaluate && { evaluate }),
    ...(draw && { draw }),
    ...(onEvent && { onEvent }),
    isStopping: () => signal?.aborted === true,
  });
}

async function mapOf({ folder, settings, dataset, checkpoint }: PreparedRun, onEvent: RunOptions["onEvent"]) {
  if (settings.knnEveryEpochs === 0 || settings.observeEverySteps === 0) return undefined;
  const { openMap } = await import("./observations/map.ts");
  const step = checkpoint?.state.step ?? 0;
  const onProblem = (message: string) => onEvent?.({ event: "warning", step, message });
  return openMap({ folder, dataset, step, seed: settings.seed, onProblem });
}

/** Loaded only where it is used: a run without labels starts without it. */
async function watchOf(run: PreparedRun, team: Team | undefined) {
  if (run.settings.knnEveryEpochs === 0) return undefined;
  const { onlineKnn } = await import("./online-knn.ts");
  return onlineKnn(run.settings, run, team);
}
