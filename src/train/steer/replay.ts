// A run done once more as its records say: the same settings, pictures and first weights, and every change at its step.
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type Checkpoint, loadCheckpoint, loadCheckpointAt, saveCheckpoint } from "../run/checkpoint.ts";
import { type RunFile, readRun, refuseUsedFolder } from "../run/folder.ts";
import { resumedSettings } from "../run/resume.ts";
import {
  freeFolder,
  newRun,
  openTrainingData,
  type PreparedRun,
  refuseUnfitTeam,
  type StartOptions,
} from "../run/start.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { readChanges, writeChanges } from "./changes.ts";

/**
 * Makes a new run that will do what another one did. Of the settings only those may be others that leave the result as it is. On the
 * same machine both end in the same bits.
 * Errors: configuration (a fixed setting, a run that was extended), checkpoint (no run, first weights that are gone, other pictures), data.
 */
export async function replayRun(
  folder: string,
  data: string | Dataset | undefined,
  layers: readonly PartialSettings[],
  { out, command, processes, warn, say = () => {} }: Omit<StartOptions, "from">,
): Promise<PreparedRun> {
  if (out !== undefined) refuseUsedFolder(out);
  const original = readRun(folder);
  refuseExtended(folder, original);
  const wanted = resumedSettings(original.settings, ...layers);
  refuseUnfitTeam(wanted, processes);
  const opened = await openTrainingData(data ?? original.data, wanted, warn);
  refuseOtherPictures(opened.dataset, original);
  const first = firstOf(folder, original);
  const changes = readChanges(folder).map((record) => ({ ...record, via: "replay" }));
  const run = { folder: out ?? freeFolder(`${folder}-replay`), ...opened };
  newRun(run, command, original.from);
  writeChanges(run.folder, changes);
  say(`does again what ${displayName(folder)} did, with ${changes.length} changes on its way`);
  if (!first) return run;
  const saved = saveCheckpoint(run.folder, first, { keep: 1 });
  return { ...run, checkpoint: loadCheckpoint(saved.folder) };
}

function refuseExtended(folder: string, { extensions = [] }: RunFile): void {
  const [first] = extensions;
  if (!first) return;
  throw new SelfsightError(
    "configuration",
    `pretrain: --replay ${displayName(folder)}: it got another length at step ${first.step}, until which it followed another schedule; a run of one length is needed; replay it up to there with a run of your own: --steps, then --resume --steps`,
  );
}

function refuseOtherPictures({ name, fingerprint, length }: Dataset, original: RunFile): void {
  if (fingerprint === original.fingerprint) return;
  throw new SelfsightError(
    "checkpoint",
    `pretrain: --replay: the pictures of ${displayName(name)} are not those of the run (${length} images now, ${original.images} then); the same pictures are needed for the same result; name the folder that has them`,
  );
}

/** The state that the run began with, where it was not drawn anew from the seed. */
function firstOf(folder: string, { from }: RunFile): Checkpoint | undefined {
  if (!from) return undefined;
  return loadCheckpointAt(folder, from.fork?.keepsStep ? (from.step ?? 0) : 0);
}
