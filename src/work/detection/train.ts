// A detector's run from where it stands to its end, in a folder like any run's.
import type { DetectionSet } from "../../data/annotations/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { areFinite, namedParameters } from "../../nn/index.ts";
import { engine, scope, threads } from "../../torch/index.ts";
import {
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
import { detectorHash, readDetector } from "./run-file.ts";
import { buildState, checkpointOf, type DetectorState, freeState, restore } from "./state.ts";
import { type DetectionStep, learnable, streamsOf, trainDetector } from "./step.ts";

export interface DetectorRunOptions {
  device: string;
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
  log: Log;
  usable: number[];
  reader: PictureReader;
  meter: Meter;
  savedStep: number;
  startedAt: number;
}

/** Checkpoints that are kept. */
const kept = 2;

/**
 * Goes on with the detector of a folder to its end, or until it is asked to stop; either way it is saved, and another call goes on with
 * it to the same bits. Errors: configuration (another process trains here), data, storage, checkpoint, numerics.
 */
export async function trainDetectorRun(
  folder: string,
  set: DetectionSet,
  options: DetectorRunOptions,
): Promise<DetectorRunResult> {
  const unlock = lockRunFolder(folder);
  const log = openLog(folder, (message) => options.onEvent?.({ event: "warning", step: 0, message }));
  try {
    return await withState(folder, options, log, (state) => run(openSession(folder, set, state, log, options)));
  } finally {
    log.close();
    unlock();
  }
}

async function withState<T>(
  folder: string,
  { device, onEvent }: DetectorRunOptions,
  log: Log,
  body: (state: DetectorState) => Promise<T>,
): Promise<T> {
  const file = readDetector(folder);
  const damaged: string[] = [];
  const checkpoint = loadNewestCheckpoint(folder, (message) => damaged.push(message));
  refuseForeign(folder, checkpoint.state.settingsHash, detectorHash(file));
  setAsideAfter(folder, checkpoint.state.step);
  const state = buildState(file, device);
  try {
    restore(state, checkpoint);
    for (const message of damaged) say({ log, onEvent }, { event: "warning", step: state.step, message });
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
  log: Log,
  options: DetectorRunOptions,
): Session {
  const now = performance.now();
  const usable = usablePictures(set, state.file.task === "segment");
  const reader = new PictureReader(set, Math.max(...state.file.settings.shortSides), (message) =>
    say({ ...options, log }, { event: "warning", step: state.step, message }),
  );
  const session = {
    ...options,
    folder,
    set,
    state,
    log,
    usable,
    reader,
    meter: new Meter(),
    savedStep: state.step,
    startedAt: now,
  };
  const start = startEvent(session);
  const difference = differenceOfMachines(readLog(folder), start);
  say(session, start);
  if (difference) say(session, { event: "warning", step: state.step, message: difference });
  return session;
}

function say({ log, onEvent }: Pick<Session, "log" | "onEvent">, event: LogEvent): void {
  log.write(event);
  onEvent?.(event);
}

async function run(session: Session): Promise<DetectorRunResult> {
  const { state, meter } = session;
  const { settings } = state.file;
  if (state.step >= settings.steps) return end(session, "complete");
  meter.startWaiting();
  for await (const batch of batchesOf(session, state.step, settings.steps)) {
    meter.endWaiting();
    advance(session, batch);
    await new Promise(setImmediate); // signal handlers run between steps
    if (session.isStopping?.() && state.step < settings.steps) return end(session, "stopped");
    meter.startWaiting();
  }
  await takeNormsAnew(session);
  return end(session, "complete");
}

const batchesOf = ({ state, usable, reader }: Session, startStep: number, steps: number) =>
  pictureBatches(reader, usable, { ...state.file.settings, startStep, steps });

function advance(session: Session, batch: PictureBatch): void {
  const { state, meter } = session;
  const { settings } = state.file;
  const result = trainDetector(state, session.set, batch);
  meter.count(batch.pictures.length);
  if (state.step % settings.logEverySteps === 0 || state.step === settings.steps) report(session, batch, result);
  if (state.step % settings.checkpointEverySteps === 0 && state.step < settings.steps) save(session);
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
    onRoomMade: (message) => say(session, { event: "warning", step: state.step, message }),
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

function end(session: Session, reason: DetectorRunResult["reason"]): DetectorRunResult {
  const { state, set, reader, startedAt } = session;
  save(session);
  const leftOut = [...reader.unreadable].sort((a, b) => a - b).map((place) => displayName(set.images[place]!.file));
  say(session, { event: "end", step: state.step, reason, seconds: (performance.now() - startedAt) / 1000 });
  return { reason, step: state.step, leftOut };
}

function startEvent({ state, set, usable }: Session): Extract<LogEvent, { event: "start" }> {
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
