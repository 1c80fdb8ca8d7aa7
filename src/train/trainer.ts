import { join } from "node:path";
import { type Batch, batches, type Dataset } from "../data/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { writeFileDurably } from "../files.ts";
import { areFinite, freeNetwork, freeOptimizer, namedParameters } from "../nn/index.ts";
import { engine, threads } from "../torch/index.ts";
import { version } from "../version.ts";
import { type Checkpoint, saveCheckpoint, setAsideAfter } from "./run/checkpoint.ts";
import { lockRunFolder } from "./run/lock.ts";
import { type Log, type LogEvent, openLog, readLog, type StepReport } from "./run/log.ts";
import { differenceOfMachines, refuseForeignCheckpoint, settingsHash } from "./run/resume.ts";
import { decodeSizeOf, type Settings } from "./settings/settings.ts";
import { buildState, checkpointOf, peakRates, restore, type TrainState } from "./state.ts";
import { type StepResult, trainStep } from "./step.ts";
import { type CollapseWatch, collapseWatch, type RepresentationHealth } from "./watch.ts";

export interface TrainOptions {
  /** Take the folder although another machine's process seems to train in it. Default false. */
  takeOver?: boolean;
  /** The run's folder, made by `createRunFolder`. */
  folder: string;
  settings: Settings;
  dataset: Dataset;
  /** Goes on from here. */
  checkpoint?: Checkpoint;
  /** Told of every event besides the log. */
  onEvent?: (event: LogEvent) => void;
  /** Called at the end of the epochs that `knnEveryEpochs` names; what it finds is logged. */
  evaluate?: (state: TrainState) => Promise<{ protocol: string; value: number }>;
  /** Asked after every step; true ends the run after saving. */
  isStopping?: () => boolean;
}

/** How a run ended. */
export interface TrainResult {
  reason: "complete" | "stopped";
  step: number;
  totalSteps: number;
}

interface Session extends TrainOptions {
  state: TrainState;
  log: Log;
  watch: CollapseWatch;
  /** What was last seen of the embeddings and has not been logged yet. */
  unlogged: Partial<RepresentationHealth>;
  quarantine: Set<number>;
  startedAt: number;
  savedAt: number;
  savedStep: number;
  meter: Meter;
}

/**
 * Trains to the end of the settings, or until it is asked to stop; either way the last step is saved.
 *
 * A save on the way that fails is a warning, and the next one is tried when it is due: what was saved before is intact, and
 * the run in memory is worth more than an orderly end. The last save must succeed.
 * Errors: configuration (another process trains here, no such device), data, storage, checkpoint, numerics.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const unlock = lockRunFolder(options.folder, options);
  try {
    const { folder, checkpoint, settings } = options;
    if (checkpoint) refuseForeignCheckpoint(checkpoint, settings);
    setAsideAfter(folder, checkpoint?.state.step ?? -1);
    return await withLog(options, (log) => withState(options, (state) => runSession(openSession(options, state, log))));
  } finally {
    unlock();
  }
}

async function withLog<T>({ folder, onEvent }: TrainOptions, body: (log: Log) => Promise<T>): Promise<T> {
  const log = openLog(folder, (message) => onEvent?.({ event: "warning", step: 0, message }));
  try {
    return await body(log);
  } finally {
    log.close();
  }
}

async function withState<T>(options: TrainOptions, body: (state: TrainState) => Promise<T>): Promise<T> {
  const state = buildState(options.settings, options.dataset);
  try {
    if (options.checkpoint) restore(state, options.checkpoint);
    return await body(state);
  } finally {
    freeOptimizer(state.optimizer);
    freeNetwork(state.network);
  }
}

function openSession(options: TrainOptions, state: TrainState, log: Log): Session {
  const { folder, checkpoint } = options;
  const now = performance.now();
  const isSameData = checkpoint?.state.fingerprint === options.dataset.fingerprint;
  const quarantine = new Set(isSameData ? checkpoint?.state.quarantine : []); // of other data, these would be other pictures
  const session = {
    ...options,
    state,
    log,
    watch: collapseWatch(),
    unlogged: {},
    quarantine,
    startedAt: now,
    savedAt: now,
    savedStep: checkpoint ? state.step : -1,
    meter: new Meter(),
  };
  const start = startEvent(session);
  const difference = differenceOfMachines(readLog(folder), start);
  emit(session, start);
  if (difference) warn(session, difference);
  const warmup = checkpoint ? undefined : tooLongWarmup(session);
  if (warmup) warn(session, warmup);
  return session;
}

/** Nothing silent: a run that is all warm-up never reaches the rate that was asked for. */
function tooLongWarmup({ settings, state }: Session): string | undefined {
  const warmupSteps = Math.round(settings.warmupEpochs * state.stepsPerEpoch);
  if (warmupSteps < state.totalSteps) return undefined;
  return `warmupEpochs ${settings.warmupEpochs} make ${warmupSteps} steps and the run has ${state.totalSteps}: the rate ends at ${Math.round((100 * state.totalSteps) / warmupSteps)} % of its peak; lower warmupEpochs or train longer`;
}

async function runSession(session: Session): Promise<TrainResult> {
  const { state, dataset, settings } = session;
  const reader = batches(dataset, {
    batchSize: settings.batchSize,
    seed: settings.seed,
    startStep: state.step,
    steps: Math.max(0, state.totalSteps - state.step),
    decodeSize: decodeSizeOf(settings),
    quarantine: session.quarantine,
    onBadFile: (_, error) => warn(session, error.message),
  });
  session.meter.startWaiting();
  for await (const batch of reader) {
    session.meter.endWaiting();
    await advance(session, batch);
    if (session.isStopping?.() && state.step < state.totalSteps) return finish(session, "stopped");
    session.meter.startWaiting();
  }
  return finish(session, "complete");
}

/** One step and what is due after it. */
async function advance(session: Session, batch: Batch): Promise<void> {
  const { state, settings } = session;
  const result = stepOrExplain(session, batch);
  session.meter.count(batch.indices.length);
  session.unlogged = healthOf(result) ?? session.unlogged;
  if (state.step % settings.logEverySteps === 0 || state.step === state.totalSteps) report(session, batch, result);
  observe(session, result);
  if (state.step % state.stepsPerEpoch === 0 || state.step === state.totalSteps)
    await evaluateEpoch(session, batch.epoch);
  if (isSavingDue(session)) trySaving(session);
  await new Promise(setImmediate); // signal handlers run between steps
}

function stepOrExplain(session: Session, batch: Batch): StepResult {
  try {
    return trainStep(session.state, batch);
  } catch (error) {
    if (error instanceof SelfsightError && error.kind === "numerics") throw withBatch(session, batch, error);
    throw error;
  }
}

/** Leaves the names of the batch beside the run, so that the pictures can be looked at. */
function withBatch({ dataset, folder, state }: Session, batch: Batch, error: SelfsightError): SelfsightError {
  const names = Array.from(batch.indices, (index) =>
    dataset.kind === "folder" ? dataset.files[index]!.label : `${dataset.name}[${index}]`,
  );
  const path = join(folder, "not-finite.json");
  const content = { step: state.step, epoch: batch.epoch, samples: names };
  return new SelfsightError(
    "numerics",
    `${error.message}; the batch (${names.slice(0, 3).join(", ")}, ...) ${isWritten(path, content) ? "is listed in" : "could not be listed in"} ${displayName(path)}`,
    { cause: error },
  );
}

/** A full disk must not hide the error that is being told. */
function isWritten(path: string, content: unknown): boolean {
  try {
    writeFileDurably(path, `${JSON.stringify(content, null, 2)}\n`);
    return true;
  } catch {
    return false;
  }
}

function report(session: Session, batch: Batch, result: StepResult): void {
  const { state, meter } = session;
  const { learningRate, loss, ...metrics } = result;
  const event: LogEvent = {
    event: "step",
    step: state.step,
    epoch: batch.epoch,
    loss,
    ...session.unlogged,
    ...metrics,
    floor: state.floor,
    learningRate,
    ...meter.read(),
  };
  session.unlogged = {};
  emit(session, event);
}

function observe(session: Session, result: StepResult): void {
  const health = healthOf(result);
  const message = health && session.watch.observe(session.state.step, health);
  if (message) warn(session, message);
}

/** What the step saw of the embeddings, if it looked. */
function healthOf({ featureStd, effectiveRank, deadDimensions }: StepResult): RepresentationHealth | undefined {
  if (featureStd === undefined || effectiveRank === undefined || deadDimensions === undefined) return undefined;
  return { featureStd, effectiveRank, deadDimensions };
}

function isSavingDue({ state, settings, savedAt }: Session): boolean {
  const isStepDue = settings.checkpointEverySteps > 0 && state.step % settings.checkpointEverySteps === 0;
  return isStepDue || performance.now() - savedAt > settings.checkpointEveryMinutes * 60_000;
}

function trySaving(session: Session): void {
  try {
    save(session);
  } catch (error) {
    if (!(error instanceof SelfsightError && error.kind === "storage")) throw error;
    session.savedAt = performance.now(); // the next try when the next save is due
    warn(session, `${error.message}; the run goes on and tries again later`);
  }
}

function save(session: Session): void {
  const { state, folder, dataset, settings, quarantine } = session;
  if (session.savedStep === state.step) return;
  refuseLostWeights(state);
  const startedAt = performance.now();
  const content = checkpointOf(state, {
    settingsHash: settingsHash(settings),
    fingerprint: dataset.fingerprint,
    quarantine,
  });
  const saved = saveCheckpoint(folder, content, { keep: settings.keepCheckpoints });
  session.savedAt = performance.now();
  session.savedStep = state.step;
  emit(session, {
    event: "checkpoint",
    step: state.step,
    folder: saved.folder,
    seconds: seconds(startedAt),
    bytes: saved.bytes,
  });
}

/** A finite loss may still leave gradients that are not: what was saved before must not give way to such weights. */
function refuseLostWeights({ network, step }: TrainState): void {
  if (areFinite([...namedParameters(network).values()])) return;
  throw new SelfsightError(
    "numerics",
    `saving step ${step}: the weights are no longer finite; nothing was saved over the checkpoints that stand; lower optimizer.learningRate, lengthen warmupEpochs, or use --precision fp32`,
  );
}

async function evaluateEpoch(session: Session, epoch: number): Promise<void> {
  const { state, settings, evaluate } = session;
  const isDue =
    settings.knnEveryEpochs > 0 && ((epoch + 1) % settings.knnEveryEpochs === 0 || state.step === state.totalSteps);
  if (!evaluate || !isDue) return;
  const found = await evaluate(state);
  emit(session, { event: "evaluation", step: state.step, epoch, ...found });
  session.meter.reset();
}

function finish(session: Session, reason: TrainResult["reason"]): TrainResult {
  save(session);
  const { step, totalSteps } = session.state;
  emit(session, { event: "end", step, reason, seconds: seconds(session.startedAt) });
  return { reason, step, totalSteps };
}

const seconds = (since: number): number => (performance.now() - since) / 1000;

function emit(session: Pick<Session, "log" | "onEvent">, event: LogEvent): void {
  session.log.write(event);
  session.onEvent?.(event);
}

const warn = (session: Session, message: string): void =>
  emit(session, { event: "warning", step: session.state.step, message });

function startEvent({ state, dataset, settings }: Session): LogEvent {
  const rates = peakRates(settings);
  const part = settings.microBatch ?? settings.batchSize;
  return {
    event: "start",
    time: new Date().toISOString(),
    step: state.step,
    selfsight: version,
    libtorch: engine().builtFor,
    device: state.device,
    precision: state.precision,
    batchNormImages: state.method.batchNormImages?.(part) ?? part,
    threads: threads(),
    peakLearningRate: { weights: rates.weights, biases: rates.biases },
    learningRateRule: rates.rule,
    stepsPerEpoch: state.stepsPerEpoch,
    totalSteps: state.totalSteps,
    images: dataset.length,
    dataset: dataset.name,
    fingerprint: dataset.fingerprint,
    parameters: [...namedParameters(state.method.trainable).values()].reduce((sum, { numel }) => sum + numel, 0),
  };
}

/** Images per second and the share of time spent waiting for pictures, since the last reading. */
class Meter {
  #since = performance.now();
  #images = 0;
  #waited = 0;
  #waitingSince = 0;

  startWaiting(): void {
    this.#waitingSince = performance.now();
  }
  endWaiting(): void {
    this.#waited += performance.now() - this.#waitingSince;
  }
  count(images: number): void {
    this.#images += images;
  }
  read(): Pick<StepReport, "imagesPerSecond" | "dataWaitShare"> {
    const elapsed = performance.now() - this.#since;
    const reading = { imagesPerSecond: (1000 * this.#images) / elapsed, dataWaitShare: this.#waited / elapsed };
    this.reset();
    return reading;
  }
  reset(): void {
    this.#since = performance.now();
    this.#images = 0;
    this.#waited = 0;
  }
}
