// Detection and instance segmentation as protocols: a detector trained on the trunk, for each seed one, and measured.
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { byLeader, leads, type Team } from "../../distributed/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import type { CategoryScore, CocoNumbers } from "../../evaluate/detection/coco.ts";
import { companionsOf } from "../../evaluate/index.ts";
import { freeNetwork } from "../../nn/index.ts";
import { chosenDevice, chosenPrecision, freeFolder, saveCheckpoint, settingFrom } from "../../train/index.ts";
import { given } from "../evaluation/given.ts";
import { type Asked, type MeasureOptions, type ProtocolReport, Stopped } from "../evaluation/protocol.ts";
import { Model } from "../model.ts";
import { warnThroughNode } from "../warnings.ts";
import { usablePictures } from "./batches.ts";
import { type Measured, measureDetector } from "./measure.ts";
import { createDetectorFolder, type DetectorFile, differencesOf, isDetector, readDetector } from "./run-file.ts";
import { type DetectionSets, openDetectionSets } from "./sets.ts";
import { type PartialDetectionSettings, resolveDetection, type ScheduleName } from "./settings.ts";
import { buildState, checkpointOf, freeState } from "./state.ts";
import { refuseManyProcesses, refuseOtherPictures } from "./together/processes.ts";
import { trainDetectorRun } from "./train.ts";
import { type OpenedTrunk, openTrunk } from "./trunk.ts";

/** Options of the protocols `detect` and `segment`. */
export interface DetectionProtocolOptions {
  /** Default "small". */
  schedule?: ScheduleName | undefined;
  /** Training steps; drops of the rate and warm-up keep their shares. Default: the schedule's. */
  steps?: number | undefined;
  /** How many detectors, each with a seed of its own from `seed` on. Default 1. */
  seeds?: number | undefined;
  /** Folder of the detector; with several seeds each has one in it. What was begun there is gone on with. Default: a new one below runs. */
  out?: string | undefined;
  /** Other changes to the schedule: by name, or as lines `name=value`. */
  set?: PartialDetectionSettings | readonly string[] | undefined;
}

/** Mean and standard deviation over seeds, from 0 to 1; null where there is nothing to find, and of one seed. */
export interface SeedSpread {
  mean: number | null;
  std: number | null;
}

/** Each of COCO's numbers over seeds. */
export type SeedStatistics = { [Name in keyof CocoNumbers]: SeedSpread };

/** What detectors on a trunk came to. */
export interface DetectionReport extends ProtocolReport {
  boxes: SeedStatistics;
  masks?: SeedStatistics;
  /** VOC's average precision of boxes: at eleven recalls (2007), and as an area (2010 and later), which papers average over overlaps too. */
  voc: { elevenPoints: { AP50: SeedSpread }; area: { AP: SeedSpread; AP50: SeedSpread; AP75: SeedSpread } };
  /** Of each seed. */
  seeds: { seed: number; folder: string; boxes: CocoNumbers; masks?: CocoNumbers; perClass: CategoryScore[] }[];
  representation: {
    source: string;
    name: string;
    backbone: string;
    stem: string;
    width: number;
    device: string;
    precision: string;
  };
  data: { name: string; trainImages: number; testImages: number; classes: string[]; unread: number };
  seconds: number;
}

type Task = DetectorFile["task"];

/**
 * Trains and measures. Several processes, each of them here with the same options, learn and measure together; the first one alone has
 * the folder, and speaks. Errors: configuration, data, checkpoint, storage, numerics; `Stopped` when the signal came.
 */
export async function runDetection(task: Task, asked: Asked<DetectionProtocolOptions>): Promise<DetectionReport> {
  const startedAt = performance.now();
  const { options } = asked;
  const { schedule = "small", steps, seeds = 1, seed = 0 } = options;
  const team = companionsOf(options.sharing);
  const settings = resolveDetection(schedule, { ...changesFrom(options.set), ...given({ steps }), seed });
  refuseManyProcesses(task, settings, team);
  const job = await openJob(task, schedule, asked, team);
  const found: OfSeed[] = [];
  for (let i = 0; i < seeds; i++) {
    const folder = seeds === 1 ? job.folder : join(job.folder, `seed-${seed + i}`);
    const file = await byLeader(team, () => prepared(folder, job, { ...settings, seed: seed + i }));
    found.push({ seed: seed + i, folder, file, measured: await trainedAndMeasured(folder, job, options) });
  }
  return byLeader(team, () => reportOf(found, job, startedAt));
}

/** What the detectors of all seeds have in common. */
interface Job {
  task: Task;
  schedule: ScheduleName;
  source: string;
  data: string;
  sets: DetectionSets;
  device: string;
  precision: DetectorFile["precision"];
  folder: string;
  team: Team | undefined;
  /** In the first process. */
  warn: (message: string) => void;
}

async function openJob(
  task: Task,
  schedule: ScheduleName,
  { source: given, data, options }: Asked<DetectionProtocolOptions>,
  team: Team | undefined,
): Promise<Job> {
  const source = sourceOf(given);
  const warn = leads(team) ? (options.warn ?? warnThroughNode) : () => {};
  const split = refuseAll(options.split ?? "test");
  const sets = await openDetectionSets(data, { split, limit: options.limit, withMasks: task === "segment", warn });
  await refuseOtherPictures(team, sets);
  const device = chosenDevice(options.device ?? "auto", team?.localRank);
  const precision = chosenPrecision(options.precision ?? "auto", device);
  const folder = await byLeader(
    team,
    () => options.out ?? freeFolder(join("runs", `${task}-${basename(resolve(data))}`)),
  );
  return { task, schedule, source, data, sets, device, precision, folder, team, warn };
}

const changesFrom = (set: DetectionProtocolOptions["set"] = {}): PartialDetectionSettings =>
  isLines(set) ? Object.assign({}, ...set.map(settingFrom)) : set;

const isLines = (set: PartialDetectionSettings | readonly string[]): set is readonly string[] => Array.isArray(set);

const sourceOf = (source: string | Model): string => {
  if (!(source instanceof Model)) return source;
  throw new SelfsightError(
    "configuration",
    "evaluate: an open model; detection trains the trunk, and the open one stays as it is; give the run's folder or the weights file",
  );
};

function refuseAll(split: "train" | "test" | "val" | "all"): "train" | "test" | "val" {
  if (split !== "all") return split;
  throw new SelfsightError(
    "configuration",
    "evaluate: split all: a detector would be measured on what it learned from; test or val is needed, or train to say so; choose one of them",
  );
}

/** A new folder begins with the trunk's weights as its step 0; one that stands is gone on with. */
function prepared(folder: string, job: Job, settings: DetectorFile["settings"]): DetectorFile {
  const trunk = openTrunk(job.source, job.schedule, settings.seed, job.warn);
  const file = fileOf(job, settings, trunk);
  prepare(folder, file, trunk, job.device);
  return file;
}

function fileOf(
  { task, schedule, sets: { train }, data, precision }: Job,
  settings: DetectorFile["settings"],
  { facts }: OpenedTrunk,
): DetectorFile {
  return {
    format: 1,
    task,
    schedule,
    settings,
    trunk: facts as DetectorFile["trunk"],
    classes: train.categories.map(({ name }) => name),
    data: resolve(data),
    split: train.split,
    images: train.images.length,
    fingerprint: train.fingerprint,
    precision,
    created: new Date().toISOString(),
  };
}

/** Frees the trunk. */
function prepare(folder: string, file: DetectorFile, { network }: OpenedTrunk, device: string): void {
  if (isDetector(folder)) {
    freeNetwork(network);
    refuseOther(folder, readDetector(folder), file);
    return;
  }
  refuseForeignFolder(folder);
  const state = buildState(file, device, network);
  try {
    createDetectorFolder(folder, file);
    saveCheckpoint(folder, checkpointOf(state, []), { keep: 1 });
  } finally {
    freeState(state);
  }
}

function refuseOther(folder: string, stored: DetectorFile, wanted: DetectorFile): void {
  const differences = differencesOf(stored, wanted);
  if (differences.length === 0) return;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(folder)} holds another detector (${differences.slice(0, 3).join(", ")}); the same one is needed to go on; choose another --out, or give the options that it was begun with`,
  );
}

function refuseForeignFolder(folder: string): void {
  if (!existsSync(join(folder, "run.json"))) return;
  throw new SelfsightError(
    "configuration",
    `evaluate: ${displayName(folder)} holds a pretraining run; a detector needs a folder of its own; choose another --out`,
  );
}

async function trainedAndMeasured(
  folder: string,
  { sets: { train, test }, device, team, warn }: Job,
  { onEvent, signal, onProgress, sharing }: MeasureOptions,
): Promise<Measured> {
  const isStopping = () => signal?.aborted === true || sharing?.isStopping?.() === true;
  const { reason, step } = await trainDetectorRun(folder, train, { device, team, onEvent, isStopping });
  if (reason === "complete") return measureDetector(folder, test, { device, team, warn, onProgress });
  if (team) sharing?.onWish?.();
  throw new Stopped(folder, step);
}

interface OfSeed {
  seed: number;
  folder: string;
  file: DetectorFile;
  measured: Measured;
}

function reportOf(
  found: readonly OfSeed[],
  { task, source, device, sets: { train, test, notes } }: Job,
  startedAt: number,
): DetectionReport {
  const { file } = found[0]!;
  const boxes = statisticsOf(found.map(({ measured }) => measured.boxes));
  const masks = found.flatMap(({ measured }) => measured.masks ?? []);
  const masksOver = masks.length > 0 ? statisticsOf(masks) : undefined;
  const unread = found[0]!.measured.unread;
  const { backbone, stem, width } = file.trunk;
  return {
    protocol: protocolName(task, file, found.length, test),
    value: (masksOver ?? boxes).AP.mean ?? 0,
    notes: [
      ...notes,
      ...(unread > 0 ? [`${unread} pictures could not be read; what they show counts as not found`] : []),
    ],
    boxes,
    ...(masksOver && { masks: masksOver }),
    voc: vocOver(found.map(({ measured }) => measured.voc)),
    seeds: found.map(({ seed, folder, measured }) => seedOf(seed, folder, measured)),
    representation: { source, name: displayName(source), backbone, stem, width, device, precision: file.precision },
    data: {
      name: train.name,
      trainImages: usablePictures(train, task === "segment").length,
      testImages: test.images.length,
      classes: [...file.classes],
      unread,
    },
    seconds: (performance.now() - startedAt) / 1000,
  };
}

function seedOf(seed: number, folder: string, { boxes, masks }: Measured): DetectionReport["seeds"][number] {
  const { categories, ...numbers } = boxes;
  if (!masks) return { seed, folder, boxes: numbers, perClass: categories };
  const { categories: perClass, ...ofMasks } = masks;
  return { seed, folder, boxes: numbers, masks: ofMasks, perClass };
}

/** Whatever changes the figure stands in its name. */
function protocolName(
  task: Task,
  { schedule, settings }: DetectorFile,
  seeds: number,
  test: DetectionSets["test"],
): string {
  const many = seeds > 1 ? `, ${seeds} seeds` : "";
  return `${task}-v1 ${schedule} ${settings.steps} steps of ${settings.batchSize}${many}, on ${test.split}`;
}

function statisticsOf(numbers: readonly CocoNumbers[]): SeedStatistics {
  const names = [
    "AP",
    "AP50",
    "AP75",
    "APsmall",
    "APmedium",
    "APlarge",
    "AR1",
    "AR10",
    "AR100",
    "ARsmall",
    "ARmedium",
    "ARlarge",
  ] as const;
  return Object.fromEntries(names.map((name) => [name, spreadOf(numbers.map((own) => own[name]))])) as SeedStatistics;
}

function vocOver(found: readonly Measured["voc"][]): DetectionReport["voc"] {
  const areaOf = (name: "AP" | "AP50" | "AP75") => spreadOf(found.map(({ area }) => area[name]));
  return {
    elevenPoints: { AP50: spreadOf(found.map(({ elevenPoints }) => elevenPoints.AP50)) },
    area: { AP: areaOf("AP"), AP50: areaOf("AP50"), AP75: areaOf("AP75") },
  };
}

function spreadOf(values: readonly (number | null)[]): SeedSpread {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { mean: null, std: null };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  if (known.length === 1) return { mean, std: null };
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (known.length - 1)) };
}
