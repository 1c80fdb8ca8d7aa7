// A detector's run from where it stands to its end, in a folder like any run's.
import type { DetectionSet } from "../../data/annotations/index.ts";
import { byLeader, leads, type Team } from "../../distributed/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { areFinite, namedParameters } from "../../nn/index.ts";
import { engine, rowsOfRank, scope, threads } from "../../torch/index.ts";
import {
  type Checkpoint,
  differenceOfMachines,
  type Log,
  type LogEvent,
  loadNewestCheckpoint,
  lockRunFolder,
  Meter,
  openLog,
  readLog,
  saveCheckpoint,
  setAsideAfter,
} from "../../train/index.ts";
import { version } from "../../version.ts";
import { type PictureBatch, PictureReader, pictureBatches, usablePictures } from "./batches.ts";
import { PreciseNorm } from "./precise-norm.ts";
import { type DetectorFile, detectorHash, readDetector } from "./run-file.ts";
import { buildState, checkpointOf, type DetectorState, freeState, restore } from "./state.ts";
import { type DetectionStep, learnable, streamsOf, trainDetector } from "./step.ts";
import { type BadPictures, sharedBatches } from "./together/batches.ts";
import { takeLeadersState, withSteps } from "./together/processes.ts";

export interface DetectorRunOptions {
  device: string;
  /** The processes that learn together, each of them at the same run; only the first one needs the folder. Default this one alone. */
  team?: Team | undefined;
  /** Told of every line of the log. */
  onEvent?: ((event: LogEvent) => void) | undefined;
  /** Asked after every step; true ends the run after saving. */
  isStopping?: (() => boolean) | undefined;
}

export interface DetectorRunResult {
  reason: "complete" | "stopped";
  step: number;
  /** Names of pictures that could not be read. */
  leftOut: string[];
}

interface Session extends DetectorRunOptions {
  folder: string;
  set: DetectionSet;
  state: DetectorState;
  /** Of several processes the first one speaks. */
  log: Log | undefined;
  usable: number[];
  reader: PictureReader;
  bad: BadPictures;
  meter: Meter;
  savedStep: number;
  startedAt: number;
}

/** Checkpoints that are kept. */
const kept = 2;

/**
 * Goes on with the detector of a folder to its end, or until it is asked to stop; either way it is saved, and another call goes on with
 * it to the same bits, or with another number of processes to the same numbers but for rounding. Errors: configuration (another process
 * trains here), data, storage, checkpoint, numerics.
 */
export async function trainDetectorRun(
  folder: string,
  set: DetectionSet,
  options: DetectorRunOptions,
): Promise<DetectorRunResult> {
  const { team } = options;
  let opened: OpenedRun | undefined;
  try {
    const file = await byLeader(team, () => {
      opened = openRun(folder, options);
      return opened.file;
    });
    return await withSteps(team, () =>
      withState(file, opened?.checkpoint, options, (state) => run(openSession(folder, set, state, opened, options))),
    );
  } finally {
    opened?.close();
  }
}

/** What only the first of several processes has. */
interface OpenedRun {
  file: DetectorFile;
  checkpoint: Checkpoint;
  /** Why newer checkpoints than this one are not gone on with. */
  damaged: string[];
  log: Log;
  close(): void;
}

function openRun(folder: string, { onEvent }: DetectorRunOptions): OpenedRun {
  const unlock = lockRunFolder(folder);
  const log = openLog(folder, (message) => onEvent?.({ event: "warning", step: 0, message }));
  const close = () => {
    log.close();
    unlock();
  };
  try {
    const file = readDetector(folder);
    const damaged: string[] = [];
    const checkpoint = loadNewestCheckpoint(folder, (message) => damaged.push(message));
    refuseForeign(folder, checkpoint.state.settingsHash, detectorHash(file));
    setAsideAfter(folder, checkpoint.state.step);
    return { file, checkpoint, damaged, log, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function withState<T>(
  file: DetectorFile,
  checkpoint: Checkpoint | undefined,
  { device, team }: DetectorRunOptions,
  body: (state: DetectorState) => Promise<T>,
): Promise<T> {
  const state = buildState(file, device);
  try {
    if (checkpoint) restore(state, checkpoint);
    if (team) await takeLeadersState(state, team);
    return await body(state);
  } finally {
    freeState(state);
  }
}

function refuseForeign(folder: string, saved: string, own: string): void {
  if (saved === own) return;
  throw new SelfsightError(
    "checkpoint",
    `resume: the checkpoint in ${displayName(folder)} was saved under other settings than those in its detector.json; a checkpoint of this run is needed; restore detector.json, or choose another --out`,
  );
}

function openSession(
  folder: string,
  set: DetectionSet,
  state: DetectorState,
  opened: OpenedRun | undefined,
  options: DetectorRunOptions,
): Session {
  const now = performance.now();
  const bad: BadPictures = { found: [], told: new Set() };
  const onBadFile = (message: string, place: number) =>
    options.team ? bad.found.push({ place, message }) : warn(session, message);
  const session: Session = {
    ...options,
    folder,
    set,
    state,
    log: opened?.log,
    usable: usablePictures(set, state.file.task === "segment"),
    reader: new PictureReader(set, Math.max(...state.file.settings.shortSides), onBadFile),
    bad,
    meter: new Meter(),
    savedStep: state.step,
    startedAt: now,
  };
  for (const message of opened?.damaged ?? []) warn(session, message);
  begin(session);
  return session;
}

function begin(session: Session): void {
  if (!leads(session.team)) return;
  const start = startEvent(session);
  const difference = differenceOfMachines(readLog(session.folder), start);
  say(session, start);
  if (difference) warn(session, difference);
}

function say({ log, onEvent }: Session, event: LogEvent): void {
  if (!log) return;
  log.write(event);
  onEvent?.(event);
}

const warn = (session: Session, message: string): void =>
  say(session, { event: "warning", step: session.state.step, message });

async function run(session: Session): Promise<DetectorRunResult> {
  const { state, meter } = session;
  const { settings } = state.file;
  if (state.step >= settings.steps) return end(session, "complete");
  meter.startWaiting();
  for await (const batch of batchesOf(session, state.step, settings.steps)) {
    meter.endWaiting();
    if (batch.shared?.isStopping) return end(session, "stopped");
    await advance(session, batch);
    await new Promise(setImmediate); // signal handlers run between steps
    if (isAskedToStop(session) && state.step < settings.steps) return end(session, "stopped");
    meter.startWaiting();
  }
  await takeNormsAnew(session);
  return end(session, "complete");
}

/** Several processes tell each other with the next batch. */
const isAskedToStop = ({ team, isStopping }: Session): boolean => team === undefined && isStopping?.() === true;

function batchesOf(session: Session, startStep: number, steps: number): AsyncGenerator<PictureBatch> {
  const { state, usable, reader, team } = session;
  const { settings } = state.file;
  const rows = team && rowsOfRank(settings.batchSize, team);
  const own = pictureBatches(reader, usable, { ...settings, startStep, steps, rows });
  return team ? sharedBatches(own, { ...session, team, ...readingOf(session) }) : own;
}

const readingOf = (session: Session) => ({
  file: session.state.file,
  onBadFile: (message: string) => warn(session, message),
  isStopping: () => session.isStopping?.() === true,
});

async function advance(session: Session, batch: PictureBatch): Promise<void> {
  const { state, meter } = session;
  const { settings } = state.file;
  const result = trainDetector(state, session.set, batch);
  meter.count(settings.batchSize);
  if (state.step % settings.logEverySteps === 0 || state.step === settings.steps) report(session, batch, result);
  const isSaving = state.step % settings.checkpointEverySteps === 0 && state.step < settings.steps;
  if (isSaving) await byLeader(session.team, () => save(session));
}

function report(session: Session, { epoch }: PictureBatch, { loss, learningRate, ...parts }: DetectionStep): void {
  const { state, meter } = session;
  say(session, { event: "step", step: state.step, epoch, loss, ...parts, floor: 0, learningRate, ...meter.read() });
}

/** With the batches that would have come next. It happens before the last save, so that what is saved is what is measured. */
async function takeNormsAnew(session: Session): Promise<void> {
  const { state, set } = session;
  const { steps, preciseNormSteps } = state.file.settings;
  if (preciseNormSteps === 0) return;
  const precise = new PreciseNorm(state.network);
  for await (const batch of batchesOf(session, steps, steps + preciseNormSteps))
    precise.add(() => {
      const { images, truths } = learnable(state, set, batch);
      scope(() => state.network.losses(images, truths, streamsOf(state, batch)));
    });
  precise.settle();
}

function save(session: Session): void {
  const { state, folder, reader } = session;
  if (session.savedStep === state.step) return;
  refuseLostWeights(state);
  const startedAt = performance.now();
  const saved = saveCheckpoint(folder, checkpointOf(state, reader.unreadable), {
    keep: kept,
    onRoomMade: (message) => warn(session, message),
  });
  session.savedStep = state.step;
  const seconds = (performance.now() - startedAt) / 1000;
  say(session, { event: "checkpoint", step: state.step, folder: saved.folder, seconds, bytes: saved.bytes });
}

/** What was saved before must not give way to weights that are no numbers. */
function refuseLostWeights({ network, step }: DetectorState): void {
  if (areFinite([...namedParameters(network).values()])) return;
  throw new SelfsightError(
    "numerics",
    `saving step ${step}: the weights are no longer finite; nothing was saved over the checkpoints that stand; lower learningRate, lengthen warmupSteps, or use --precision fp32`,
  );
}

const end = (session: Session, reason: DetectorRunResult["reason"]): Promise<DetectorRunResult> =>
  byLeader(session.team, () => {
    const { state, set, reader, startedAt } = session;
    save(session);
    const leftOut = [...reader.unreadable].sort((a, b) => a - b).map((place) => displayName(set.images[place]!.file));
    say(session, { event: "end", step: state.step, reason, seconds: (performance.now() - startedAt) / 1000 });
    return { reason, step: state.step, leftOut };
  });

function startEvent({ state, set, usable, team }: Session): Extract<LogEvent, { event: "start" }> {
  const { settings, precision } = state.file;
  const { steps, batchSize, learningRate, warmupSteps, drops } = settings;
  return {
    event: "start",
    time: new Date().toISOString(),
    step: state.step,
    selfsight: version,
    libtorch: engine().builtFor,
    device: state.device,
    precision,
    batchNormImages: batchSize,
    threads: threads(),
    ...(team && { processes: team.size }),
    peakLearningRate: { weights: learningRate },
    learningRateRule: drops.length > 0 ? `a tenth from steps ${drops.join(" and ")} on` : "constant",
    warmupSteps,
    warmupRule: "",
    stepsPerEpoch: Math.max(1, Math.ceil(usable.length / batchSize)),
    totalSteps: steps,
    images: usable.length,
    dataset: set.name,
    fingerprint: set.fingerprint,
    parameters: [...namedParameters(state.network).values()].reduce((sum, { numel }) => sum + numel, 0),
  };
}
