// A run that goes on: its own settings and pictures, from its newest checkpoint.
import type { Dataset } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { changesBetween } from "../settings/setting-tree.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { readChanges } from "../steer/changes.ts";
import { type Checkpoint, checkpointNames, loadNewestCheckpoint } from "./checkpoint.ts";
import { describeChanges, describeTouched, writeDataList } from "./data-list.ts";
import { atPresentLength, changedLength, recordLength, repeatedBeforeExtension } from "./extension.ts";
import { type RunFile, readRun } from "./folder.ts";
import { refuseLockedFolder } from "./lock.ts";
import { readLog } from "./log.ts";
import { resumedSettings } from "./resume.ts";
import { openTrainingData, type PreparedRun, refuseUnfitTeam } from "./start.ts";

export interface GoOnOptions {
  /** The pictures, where they are no longer where the run found them. */
  data?: string | Dataset | undefined;
  /** Go on although the pictures are no longer those of the run. Default false. */
  acceptDatasetChange?: boolean;
  /** Take the folder although another machine's process seems to train in it. Default false. */
  takeOver?: boolean;
  /** How many processes train together. Default 1. */
  processes?: number | undefined;
  /** Told what a person should know and nobody must act on. */
  warn: (message: string) => void;
  /** Told that nothing was saved yet. */
  say: (message: string) => void;
}

/**
 * Opens a run to go on with it; of the settings only those may change that leave the result as it is, and the length: the schedule
 * is from then on that of a run planned with the new one.
 * Errors: configuration (a fixed setting, another process trains here), checkpoint (no run, damaged, other pictures), data.
 */
export async function goOnWithRun(
  folder: string,
  layers: readonly PartialSettings[],
  { data, acceptDatasetChange = false, takeOver = false, processes, warn, say }: GoOnOptions,
): Promise<PreparedRun> {
  refuseLockedFolder(folder, { takeOver });
  const run = readRun(folder);
  const wanted = resumedSettings(run.settings, ...layers);
  refuseUnfitTeam(wanted, processes);
  const saved = checkpointToGoOnFrom(folder, run, warn, say);
  const { dataset, heldOut } = await openTrainingData(data ?? run.data, wanted, warn);
  const fingerprint = saved?.state.fingerprint ?? run.fingerprint;
  if (!acceptDatasetChange && dataset.fingerprint !== fingerprint) throw changedData(folder, dataset, run, fingerprint);
  sayTouched(folder, dataset, warn);
  const step = saved?.state.step ?? 0;
  const { settings, extendedFrom } = changedLength(run, wanted, dataset.length, step);
  const repeated = repeatedBeforeExtension(run, step);
  if (repeated) warn(repeated);
  const checkpoint = saved && atPresentLength(saved, run, settings, readChanges(folder));
  if (extendedFrom) recordLength(folder, run, settings, step, { takeOver });
  return {
    folder,
    settings,
    dataset,
    ...(heldOut && { heldOut }),
    takeOver,
    given: changesBetween(run.settings, wanted).map(({ key }) => key),
    ...(checkpoint && { checkpoint }),
    ...(extendedFrom && { extendedFrom }),
  };
}

/** Undefined for a run that ended before its first save: its steps follow from run.json alone, unless its first weights were others'. */
function checkpointToGoOnFrom(
  folder: string,
  { from }: RunFile,
  warn: (message: string) => void,
  say: (message: string) => void,
): Checkpoint | undefined {
  const hasSaved = checkpointNames(folder).length > 0 || readLog(folder).some(({ event }) => event === "checkpoint");
  if (hasSaved || from) return loadNewestCheckpoint(folder, warn);
  say("nothing was saved yet: starting at step 0");
  return undefined;
}

/** Said once: from now on the list has the new times. */
function sayTouched(folder: string, dataset: Dataset, warn: (message: string) => void): void {
  const touched = describeTouched(folder, dataset);
  if (touched === "") return;
  warn(
    `resume: ${touched}; names and sizes are as they were, so the run goes on; if these pictures are not copies of what was there, restore those, or the result is not that of an unbroken run`,
  );
  try {
    writeDataList(folder, dataset);
  } catch {} // it is said again next time
}

function changedData(folder: string, dataset: Dataset, run: RunFile, fingerprint: string): SelfsightError {
  const changes = describeChanges(folder, dataset);
  return new SelfsightError(
    "checkpoint",
    `resume: the pictures of ${dataset.name} are not those of the run (${dataset.length} images now, ${run.images} then${changes && `: ${changes}`}; fingerprint ${dataset.fingerprint.slice(0, 12)}, was ${fingerprint.slice(0, 12)}); the same pictures are needed for the same result; restore them, or say --accept-dataset-change`,
  );
}
