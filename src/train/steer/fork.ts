// A new run from any checkpoint of another one, with other settings: it keeps what still means the same.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type Checkpoint, loadCheckpointAt, loadNewestCheckpoint } from "../run/checkpoint.ts";
import { firstWeights, refuseOtherTrunk, sourceFromCheckpoint } from "../run/first-weights.ts";
import { type Origin, readRun, refuseUsedFolder } from "../run/folder.ts";
import { settingsHash } from "../run/resume.ts";
import {
  freeFolder,
  openTrainingData,
  type PreparedRun,
  refuseUnfitTeam,
  type StartOptions,
  startAt,
} from "../run/start.ts";
import { changesBetween } from "../settings/setting-tree.ts";
import { type PartialSettings, resolveSettings, type Settings } from "../settings/settings.ts";
import { chosenDevice, totalStepsOf } from "../state.ts";
import { readChanges, settingsAt } from "./changes.ts";

/** A run at one of its checkpoints. */
export interface ForkPoint {
  folder: string;
  /** Null: the newest that is whole. */
  step: number | null;
}

/** `RUN@STEP` or `RUN@newest`; undefined for what is a path as it stands, or has no such ending. */
export function forkPointFrom(text: string): ForkPoint | undefined {
  const [, folder, step] = /^(.+)@(\d{1,15}|newest)$/.exec(text) ?? [];
  if (folder === undefined || existsSync(text)) return undefined;
  return { folder, step: step === "newest" ? null : Number(step) };
}

/**
 * Makes a run that goes another way from a checkpoint on. Settings are those of that run at that step, below the given layers. Kept are
 * parts of the network whose shapes are the same; the optimizer's state of those, where it is the same optimizer; and the count of
 * steps, where batch, seed and pictures are the same, so that order and views go on as they would have. The other run is not touched.
 * Errors: configuration (another trunk or method, fewer steps than are done), checkpoint (no such step, damaged), data, storage.
 */
export async function forkRun(
  point: ForkPoint,
  data: string | Dataset | undefined,
  layers: readonly PartialSettings[],
  { out, command, processes, warn, say = () => {} }: Omit<StartOptions, "from">,
): Promise<PreparedRun> {
  if (out !== undefined) refuseUsedFolder(out);
  const parent = readRun(point.folder);
  const checkpoint =
    point.step === null ? loadNewestCheckpoint(point.folder, warn) : loadCheckpointAt(point.folder, point.step);
  const before = settingsAt(parent.settings, readChanges(point.folder), checkpoint.state.step);
  const given = forkedSettings(before, layers);
  const source = sourceFromCheckpoint(point.folder, before, checkpoint);
  refuseOtherTrunk(source, given);
  refuseUnfitTeam(given, processes);
  chosenDevice(given.device);
  const opened = await openTrainingData(data ?? parent.data, given, warn);
  const { dataset, settings } = opened;
  const folder = out ?? freeFolder(`${resolve(point.folder)}-fork`);
  const first = firstWeights(settings, dataset, source);
  const fork = {
    keepsStep: keepsStep(before, settings, checkpoint, dataset),
    changes: changesBetween(before, settings),
  };
  const run = { folder, ...opened };
  if (fork.keepsStep) refuseFewerSteps(run, checkpoint.state.step);
  return startAt(run, withState(first, checkpoint, fork, settings, before), command, say);
}

/** Another method has other settings, and of the old one only the trunk: that is `--from RUN`. */
function forkedSettings(before: Settings, layers: readonly PartialSettings[]): Settings {
  const method = layers.map((layer) => layer.method).findLast((name) => name !== undefined);
  if (method === undefined || method === before.method) return resolveSettings(before, ...layers);
  throw new SelfsightError(
    "configuration",
    `pretrain: a fork of a run by ${before.method} with method ${displayName(method)}; a fork keeps its method; begin with the other run's weights alone: --from RUN, without @STEP`,
  );
}

const keepsStep = (before: Settings, after: Settings, { state }: Checkpoint, { fingerprint }: Dataset): boolean =>
  before.batchSize === after.batchSize && before.seed === after.seed && state.fingerprint === fingerprint;

function refuseFewerSteps({ settings, dataset }: PreparedRun, step: number): void {
  const total = totalStepsOf(settings, dataset.length);
  if (total > step) return;
  throw new SelfsightError(
    "configuration",
    `pretrain: a fork from step ${step} of a run of ${total} steps has nothing left to do; more steps are needed; give --steps or --epochs, or fork from an earlier checkpoint`,
  );
}

type First = ReturnType<typeof firstWeights>;

/** First weights with what else is kept. */
function withState(
  { content, origin }: First,
  checkpoint: Checkpoint,
  fork: Pick<NonNullable<Origin["fork"]>, "keepsStep" | "changes">,
  settings: Settings,
  before: Settings,
): First {
  const isSame = settings.optimizer.name === before.optimizer.name;
  const { tensors, kept } = keptState(content, checkpoint, isSame ? origin.taken : []);
  const isWhole = kept === tensors.size;
  const isAll = isSame && (isWhole || settings.optimizer.name !== "adamw"); // its count of updates is one for all
  const optimizer = isAll ? { ...content.optimizer, tensors } : content.optimizer;
  const said = !isAll || kept === 0 ? "new" : isWhole ? "kept" : "kept in part";
  const { step, updates, quarantine } = checkpoint.state;
  const state = {
    ...content.state,
    settingsHash: settingsHash(settings),
    ...(fork.keepsStep && { step, quarantine }),
    ...(said !== "new" && { updates }),
  };
  return { content: { ...content, state, optimizer }, origin: { ...origin, fork: { ...fork, optimizer: said } } };
}

/** Momenta by names such as momentum.backbone.conv1.weight, those of the checkpoint where the part is kept. */
function keptState({ optimizer }: First["content"], checkpoint: Checkpoint, taken: readonly string[]) {
  let kept = 0;
  const tensors = new Map(
    [...optimizer.tensors].map(([name, own]) => {
      const found = taken.includes(name.split(".")[1] ?? "") ? checkpoint.optimizer.tensors.get(name) : undefined;
      if (!found || found.shape.join() !== own.shape.join()) return [name, own];
      kept += 1;
      return [name, found];
    }),
  );
  return { tensors, kept };
}
