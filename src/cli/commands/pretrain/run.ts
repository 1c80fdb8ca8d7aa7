import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type Dataset, openDataset } from "../../../data/index.ts";
import { displayName, SelfsightError } from "../../../errors.ts";
import { engine } from "../../../torch/index.ts";
import {
  type Checkpoint,
  checkpointNames,
  chosenDevice,
  createRunFolder,
  describeChanges,
  type LogEvent,
  loadNewestCheckpoint,
  type PartialSettings,
  type RunFile,
  readLog,
  readRun,
  refuseLockedFolder,
  refuseUnlabelled,
  refuseUsedFolder,
  resolveSettings,
  resumedSettings,
  type Settings,
  settingFrom,
  type TrainResult,
  train,
  writeDataList,
} from "../../../train/index.ts";
import { version } from "../../../version.ts";
import { progress } from "../../terminal/progress.ts";
import { exitCodeAfter, type StopSignal, stopOnSignals } from "../../terminal/stop-signals.ts";
import { loadRecipe } from "../../user-files/recipe-file.ts";

export interface PretrainOptions {
  method?: string;
  recipe?: string;
  backbone?: string;
  size?: number;
  batch?: number;
  epochs?: number;
  steps?: number;
  precision?: string;
  device?: string;
  seed?: number;
  out?: string;
  set: string[];
  resume?: string;
  acceptDatasetChange?: true;
  takeOver?: true;
  json?: true;
}

/** `selfsight pretrain DATA`, or `selfsight pretrain --resume RUN`. */
export async function pretrain(data: string | undefined, options: PretrainOptions): Promise<void> {
  if (options.resume !== undefined) await resumeRun(options.resume, data, options);
  else if (data !== undefined) await startRun(data, options);
  else
    throw new SelfsightError(
      "configuration",
      "pretrain: no pictures were named; a folder or a known name is needed; try `selfsight pretrain shapes --steps 50`",
    );
}

async function startRun(data: string, options: PretrainOptions): Promise<void> {
  if (options.out !== undefined) refuseUsedFolder(options.out);
  const settings = resolveSettings(
    await recipeOf(options),
    optionsAsSettings(options),
    ...options.set.map(settingFrom),
  );
  chosenDevice(settings.device);
  const dataset = await openTrainingData(data, settings);
  const folder = options.out ?? freeFolder(join("runs", nameOf(data)));
  newRun(folder, data, settings, dataset);
  sayResult(folder, await runToEnd({ folder, settings, dataset, isJson: options.json === true }), options);
}

function sayResult(folder: string, result: TrainResult, { json }: PretrainOptions): void {
  if (json) console.log(JSON.stringify({ folder, ...result }, null, 2));
}

/** Makes a run's folder with its run.json. */
export function newRun(folder: string, data: string, settings: Settings, dataset: Dataset): void {
  refuseSmallData(dataset, settings);
  refuseUnlabelled(settings, dataset);
  createRunFolder(folder, {
    format: 1,
    settings,
    command: `selfsight ${process.argv.slice(2).join(" ")}`,
    data: existsSync(data) ? resolve(data) : data,
    versions: { selfsight: version, node: process.version, libtorch: engine().builtFor },
    fingerprint: dataset.fingerprint,
    images: dataset.length,
    created: new Date().toISOString(),
  });
  writeDataList(folder, dataset);
}

const recipeOf = async ({ recipe }: PretrainOptions): Promise<PartialSettings> =>
  recipe === undefined ? {} : loadRecipe(recipe);

/** What the options say, under the settings' names; resolveSettings checks it, so wrong values are named there. */
function optionsAsSettings(options: PretrainOptions): PartialSettings {
  const { method, backbone, size, batch, epochs, steps, precision, device, seed } = options;
  const given = { method, backbone, size, batchSize: batch, epochs, steps, precision, device, seed };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as PartialSettings;
}

export async function openTrainingData(data: string, { limit }: Settings): Promise<Dataset> {
  const dataset = await openDataset(data, { split: "train", ...(limit !== null && { limit }) });
  if (dataset.kind === "folder" && dataset.skipped.length > 0) {
    const first = dataset.skipped.slice(0, 3).map(({ label, reason }) => `${label} (${reason})`);
    console.error(
      `warning: not read, because no pictures: ${dataset.skipped.length} of the files, such as ${first.join(", ")}${dataset.skipped.length > 3 ? ", ..." : ""}`,
    );
  }
  return dataset;
}

function refuseSmallData(dataset: Dataset, { batchSize }: Settings): void {
  if (dataset.length >= batchSize) return;
  throw new SelfsightError(
    "data",
    `pretrain: ${dataset.name} has ${dataset.length} images, a batch takes ${batchSize}; at least one whole batch is needed; use --batch ${Math.max(2, dataset.length)} or add images`,
  );
}

export const nameOf = (data: string): string => basename(resolve(data)).replace(/[^\w.-]+/g, "-") || "data";

/** The first of NAME, NAME-2, NAME-3 ... that is not there yet. */
export function freeFolder(wanted: string): string {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}-${number}`;
    if (!existsSync(folder)) return folder;
  }
}

async function resumeRun(folder: string, data: string | undefined, options: PretrainOptions): Promise<void> {
  if (options.out !== undefined)
    throw new SelfsightError(
      "configuration",
      `pretrain: --out ${displayName(options.out)} with --resume; a run goes on in its own folder; leave --out away`,
    );
  const takeOver = options.takeOver === true;
  refuseLockedFolder(folder, { takeOver });
  const run = readRun(folder);
  const settings = await settingsOnResume(run, options);
  const checkpoint = checkpointToGoOnFrom(folder);
  const source = data ?? run.data;
  const dataset = await openTrainingData(source, settings);
  const fingerprint = checkpoint?.state.fingerprint ?? run.fingerprint;
  if (!options.acceptDatasetChange && dataset.fingerprint !== fingerprint)
    throw changedData(folder, dataset, run, fingerprint);
  const isJson = options.json === true;
  const result = await runToEnd({ folder, settings, dataset, isJson, takeOver, ...(checkpoint && { checkpoint }) });
  if (isJson) sayResult(folder, result, options);
  else if (checkpoint?.state.step === result.totalSteps)
    console.log(`already complete: all ${result.totalSteps} steps were done`);
}

const settingsOnResume = async ({ settings }: RunFile, options: PretrainOptions): Promise<Settings> =>
  resumedSettings(settings, await recipeOf(options), optionsAsSettings(options), ...options.set.map(settingFrom));

/** Undefined for a run that ended before its first save: its steps follow from run.json alone. */
function checkpointToGoOnFrom(folder: string): Checkpoint | undefined {
  const hasSaved = checkpointNames(folder).length > 0 || readLog(folder).some(({ event }) => event === "checkpoint");
  if (hasSaved) return loadNewestCheckpoint(folder, (message) => console.error(`warning: ${message}`));
  console.error("nothing was saved yet: starting at step 0");
  return undefined;
}

function changedData(folder: string, dataset: Dataset, run: RunFile, fingerprint: string): SelfsightError {
  const changes = describeChanges(folder, dataset);
  return new SelfsightError(
    "checkpoint",
    `resume: the pictures of ${dataset.name} are not those of the run (${dataset.length} images now, ${run.images} then${changes && `: ${changes}`}; fingerprint ${dataset.fingerprint.slice(0, 12)}, was ${fingerprint.slice(0, 12)}); the same pictures are needed for the same result; restore them, or say --accept-dataset-change`,
  );
}

interface Run {
  folder: string;
  settings: Settings;
  dataset: Dataset;
  checkpoint?: Checkpoint;
  takeOver?: boolean;
  onEvent?: (event: LogEvent) => void;
  /** Standard output is for a machine: people read of it on standard error. Default false. */
  isJson?: boolean;
}

/** Trains with progress on the terminal; SIGINT and SIGTERM end it after the step, saved. */
export async function runToEnd({
  folder,
  settings,
  dataset,
  checkpoint,
  takeOver = false,
  onEvent,
  isJson,
}: Run): Promise<TrainResult> {
  const display = progress(isJson ? process.stderr : process.stdout);
  const stop = stopOnSignals(undefined, display.say);
  const evaluate = await watchOf(settings, dataset);
  try {
    const result = await train({
      folder,
      settings,
      dataset,
      takeOver,
      ...(checkpoint && { checkpoint }),
      ...(evaluate && { evaluate }),
      onEvent: (event) => {
        display.show(event);
        onEvent?.(event);
      },
      isStopping: () => stop.signal !== undefined,
    });
    display.stop();
    if (result.reason === "stopped") sayHowToGoOn(folder, stop.signal!, display.say);
    return result;
  } finally {
    display.stop();
    stop.release();
  }
}

/** Loaded only where it is used: a run without labels starts without it. */
async function watchOf(settings: Settings, dataset: Dataset) {
  if (settings.knnEveryEpochs === 0) return undefined;
  const { onlineKnn } = await import("../../../work/online-knn.ts");
  return onlineKnn(settings, dataset);
}

function sayHowToGoOn(folder: string, signal: StopSignal, say: (line: string) => void): void {
  say(`stopped on request and saved; go on with: selfsight pretrain --resume ${displayName(folder)}`);
  process.exitCode = exitCodeAfter[signal];
}
