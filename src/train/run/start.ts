// A new run: what it reads, where it is kept, and what is refused before any work is done.
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type Dataset, lastingSource, openDataset, reopened, subset, warnOfSkipped } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { keyedPermutation } from "../../random.ts";
import { engine } from "../../torch/index.ts";
import { version } from "../../version.ts";
import { refuseUncapturable } from "../graph/step-graphs.ts";
import {
  methodOf,
  methodSettings,
  type PartialSettings,
  resolveSettings,
  rulesOf,
  type Settings,
} from "../settings/settings.ts";
import { chosenDevice, refuseUnlabelled } from "../state.ts";
import { type Checkpoint, type CheckpointContent, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { writeDataList } from "./data-list.ts";
import {
  describeOrigin,
  firstWeights,
  openWeightsSource,
  refuseOtherTrunk,
  type WeightsSource,
} from "./first-weights.ts";
import { createRunFolder, type Origin, refuseUsedFolder } from "./folder.ts";

/** A run whose folder stands and whose pictures are open: what `train` needs. */
export interface PreparedRun {
  folder: string;
  settings: Settings;
  dataset: Dataset;
  /** The pictures that are kept out of training, see the setting `holdOut`. */
  heldOut?: Dataset;
  /** Goes on from here. */
  checkpoint?: Checkpoint;
  /** Take the folder although another machine's process seems to train in it. */
  takeOver?: boolean;
  /** Keys of settings that were given anew when it goes on. */
  given?: readonly string[];
  /** The settings of before, when it has just got another length. */
  extendedFrom?: Settings;
}

export interface StartOptions {
  /** The run's folder; default the first of runs/DATA, runs/DATA-2, ... that is free. */
  out?: string | undefined;
  /** What run.json says began it. */
  command: string;
  /** A run's folder or a weights.safetensors whose trunk the run begins with. */
  from?: string | undefined;
  /** Told what a person should know and nobody must act on. */
  warn: (message: string) => void;
  /** How many processes train together. Default 1. */
  processes?: number | undefined;
  /** Told what was taken of `from` and what was not. */
  say?: ((message: string) => void) | undefined;
}

/**
 * Opens the pictures and makes the folder of a new run; settings are layers, later ones winning.
 * Errors: configuration (a run stands there, wrong settings, no such device), data, storage.
 */
export async function startRun(
  data: string | Dataset,
  layers: readonly PartialSettings[],
  { out, command, from, processes, warn, say = () => {} }: StartOptions,
): Promise<PreparedRun> {
  if (out !== undefined) refuseUsedFolder(out);
  const source = from === undefined ? undefined : await openWeightsSource(from, warn);
  const given = resolveSettings(...(source ? [source.trunk] : []), ...layers);
  if (source) refuseOtherTrunk(source, given);
  refuseUnfitTeam(given, processes);
  refuseUncapturable(given, chosenDevice(given.device), processes);
  const opened = await openTrainingData(data, given, warn);
  const run = { folder: out ?? freeFolder(join("runs", nameOf(data))), ...opened };
  if (source) return startFrom(source, run, command, say);
  newRun(run, command);
  return run;
}

/** Errors: configuration, when so many processes cannot take these steps together. */
export function refuseUnfitTeam({ batchSize, microBatch }: Settings, processes = 1): void {
  if (processes === 1) return;
  if (microBatch !== null && microBatch % processes !== 0)
    throw new SelfsightError(
      "configuration",
      `pretrain: microBatch ${microBatch} for ${processes} processes; it is shared out in equal parts, like the batch; give a multiple of ${processes} that divides ${batchSize}`,
    );
  if (batchSize < processes)
    throw new SelfsightError(
      "configuration",
      `pretrain: a batch of ${batchSize} for ${processes} processes; each needs an image at least; raise --batch, or use fewer processes`,
    );
}

function startFrom(
  source: WeightsSource,
  run: PreparedRun,
  command: string,
  say: (message: string) => void,
): PreparedRun {
  refuseSmallData(run.dataset, run.settings);
  return startAt(run, firstWeights(run.settings, run.dataset, source), command, say);
}

/** A new run whose first state is saved, so that whatever becomes of its source it can be resumed. */
export function startAt(
  run: PreparedRun,
  { content, origin }: { content: CheckpointContent; origin: Origin },
  command: string,
  say: (message: string) => void,
): PreparedRun {
  newRun(run, command, origin);
  const { folder } = saveCheckpoint(run.folder, content, { keep: 1 });
  say(describeOrigin(origin));
  return { ...run, checkpoint: loadCheckpoint(folder) };
}

/** Makes a run's folder with its run.json. Errors: configuration, data, storage. */
export function newRun({ folder, settings, dataset }: PreparedRun, command: string, from?: Origin): void {
  refuseSmallData(dataset, settings);
  refuseUnlabelled(settings, dataset);
  createRunFolder(folder, {
    format: 1,
    settings,
    command,
    data: placeOf(dataset),
    versions: { selfsight: version, node: process.version, libtorch: engine().builtFor },
    fingerprint: dataset.fingerprint,
    images: dataset.length,
    created: new Date().toISOString(),
    ...(from && { from }),
  });
  writeDataList(folder, dataset);
}

/** Where a resume finds the pictures again; of data that a program made itself, their name. */
export const placeOf = ({ source, name }: Dataset): string =>
  source?.split !== "train" ? name : lastingSource(source.data);

/** The pictures and the settings, which agree on how many are read: the limit of either is that of both. A part may be held out. */
export async function openTrainingData(
  data: string | Dataset,
  settings: Settings,
  warn: (message: string) => void,
): Promise<Pick<PreparedRun, "dataset" | "heldOut" | "settings">> {
  const limit = limitOf(data, settings);
  const isOpen = typeof data !== "string";
  const rules = rulesOf(settings);
  const dataset = isOpen
    ? await reopened(data, limit ?? undefined, rules)
    : await openDataset(data, { split: "train", rules, ...(limit !== null && { limit }) });
  if (!isOpen) warnOfSkipped([dataset], warn);
  return { ...heldApart(dataset, settings), settings: { ...settings, limit } };
}

/** Keeps this choice of pictures apart from other keyed ones. */
const heldOutKey = 0x6865_6c64;

/** The choice follows from the pictures alone: whatever the seed and the recipe, runs are compared on the same ones. */
function heldApart(dataset: Dataset, { holdOut }: Settings): Pick<PreparedRun, "dataset" | "heldOut"> {
  const count = Math.floor(holdOut * dataset.length);
  if (holdOut === 0) return { dataset };
  if (count === 0) throw nothingHeldOut(dataset, holdOut);
  const order = keyedPermutation(dataset.length, 0, heldOutKey);
  const part = (from: number, to?: number) => subset(dataset, order.slice(from, to).sort());
  const kept = { ...part(count), ...(dataset.source && { source: dataset.source }) }; // the run's settings hold the same ones out again
  return { dataset: kept, heldOut: part(0, count) };
}

const nothingHeldOut = ({ name, length }: Dataset, holdOut: number) =>
  new SelfsightError(
    "configuration",
    `settings: holdOut ${holdOut} of the ${length} images of ${displayName(name)}; an image at least is needed; raise it, or leave it out`,
  );

function limitOf(data: string | Dataset, { limit }: Settings): number | null {
  const own = typeof data === "string" ? undefined : data.source?.limit;
  if (own === undefined || limit === null || own === limit) return limit ?? own ?? null;
  throw new SelfsightError(
    "configuration",
    `pretrain: the setting limit is ${limit}, the dataset was opened with the limit ${own}; one limit is needed; leave one of them out`,
  );
}

/** Smaller batches can be computed, and teach nothing: their images have too few others to differ from. */
const leastBatchToAdvise = 16;

function refuseSmallData({ name, length }: Dataset, settings: Settings): void {
  const { batchSize } = settings;
  if (length >= batchSize) return;
  const least = Math.max(leastBatchToAdvise, methodOf(settings).smallestBatch(methodSettings(settings)));
  const advice =
    length >= least
      ? `use --batch ${length} or add images`
      : `add images: hundreds are needed to learn from, and a batch of at least ${least}`;
  throw new SelfsightError(
    "data",
    `pretrain: ${displayName(name)} has ${length} ${length === 1 ? "image" : "images"}, a batch takes ${batchSize}; at least one whole batch is needed; ${advice}`,
  );
}

/** A name for a run on these pictures. */
export const nameOf = (data: string | Dataset): string =>
  (typeof data === "string" ? basename(resolve(data)) : data.name).replace(/[^\w.-]+/g, "-") || "data";

/** The first of NAME, NAME-2, NAME-3 ... that is not there yet. */
export function freeFolder(wanted: string): string {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}-${number}`;
    if (!existsSync(folder)) return folder;
  }
}
