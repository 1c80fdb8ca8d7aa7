import type { Feed, PlacedBatch } from "../augment/index.ts";
import { describeDivision, describeLeftOut, Remarks, sampleNames } from "../data/index.ts";
import { leads, type Team } from "../distributed/index.ts";
import { namedParameters } from "../nn/index.ts";
import { engine, fusedViewsProblem, gpuFacts, openNccl, threads } from "../torch/index.ts";
import { version } from "../version.ts";
import { type AlarmWatch, alarmWatch } from "./observe/alarms.ts";
import { openObserver, type StepObserver } from "./observe/observer.ts";
import { freeResidence, openFeed, openResidence } from "./pictures/residence.ts";
import { checkpointSteps, setAsideAfter } from "./run/checkpoint.ts";
import { refuseNoRun } from "./run/folder.ts";
import { lockRunFolder } from "./run/lock.ts";
import { type Log, type LogEvent, openLog, readLog, silentLog } from "./run/log.ts";
import { differenceOfMachines, refuseForeignCheckpoint } from "./run/resume.ts";
import { isSavingDue, save, trySaving } from "./saving.ts";
import { emit, Meter, type Session, seconds, type TrainOptions, warn } from "./session.ts";
import { decodeSizeOf, methodOf, type Settings } from "./settings/settings.ts";
import { steerableKeys } from "./settings/steerable-keys.ts";
import {
  buildState,
  freeState,
  peakRates,
  restore,
  scheduleFactor,
  type TrainState,
  totalStepsOf,
  warmupOf,
} from "./state.ts";
import { type ChangeRecord, hashesAt, readChanges, withoutGiven } from "./steer/changes.ts";
import { obey, takeOnDue, tellActs } from "./steer/obey.ts";
import { openSteering } from "./steer/steering.ts";
import { PartClock } from "./step-parts.ts";
import { settle, take } from "./taken-steps.ts";
import { leadersChanges, shareOf, takeLeadersQuarantine, takeLeadersState } from "./together.ts";
import { collapseWatch } from "./watch.ts";

/** How a run ended. */
export interface TrainResult {
  reason: "complete" | "stopped";
  step: number;
  totalSteps: number;
  /** Names of the pictures that could not be decoded. */
  leftOut: string[];
}

/**
 * Trains to the end of the settings, or until it is asked to stop; either way the last step is saved.
 *
 * A save on the way that fails is a warning, and the next one is tried when it is due: what was saved before is intact, and
 * the run in memory is worth more than an orderly end. The last save must succeed.
 * A step holds the thread, and so its event loop, for as long as it computes; between steps the loop has one turn.
 * Errors: configuration (another process trains here, no such device), data, storage, checkpoint, numerics.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  if (!leads(options.team)) return trainWith(options, [], silentLog);
  refuseNoRun(options.folder);
  const unlock = lockRunFolder(options.folder, options);
  try {
    const { folder, checkpoint, settings } = options;
    const changes = withoutGiven(readChanges(folder), options.given ?? []);
    if (checkpoint) refuseForeignCheckpoint(checkpoint, hashesAt(settings, changes, checkpoint.state.step));
    setAsideAfter(folder, checkpoint?.state.step ?? -1);
    return await withLog(options, (log) => trainWith(options, changes, log));
  } finally {
    unlock();
  }
}

const trainWith = (options: TrainOptions, own: readonly ChangeRecord[], log: Log): Promise<TrainResult> =>
  withState(options, async (state) => {
    const changes = await leadersChanges(options, own);
    const residence = openResidence(state, options.dataset);
    try {
      return await runSession(openSession(options, changes, { state, residence, log }));
    } finally {
      freeResidence(residence);
    }
  });

async function withLog<T>({ folder, onEvent }: TrainOptions, body: (log: Log) => Promise<T>): Promise<T> {
  const log = openLog(folder, (message) => onEvent?.({ event: "warning", step: 0, message }));
  try {
    return await body(log);
  } finally {
    log.close();
  }
}

async function withState<T>(options: TrainOptions, body: (state: TrainState) => Promise<T>): Promise<T> {
  const state = buildState(options.settings, options.dataset, options.team?.localRank);
  try {
    if (options.checkpoint) restore(state, options.checkpoint);
    if (options.team) await joinStates(state, options.team);
    return await body(state);
  } finally {
    freeState(state);
  }
}

async function joinStates(state: TrainState, team: Team): Promise<void> {
  openNccl(team.group, state.device);
  await takeLeadersState(state, team);
}

const gpusByGloo =
  "what the GPUs of several processes tell each other travels over host memory: each needs a GPU of its own and a set-up with NCCL; see `npx selfsight setup --libtorch cuda`";

/** What is slower here than it could be, in sentences. */
function deviceWarnings({ settings, team, state: { device }, residence }: Session): string[] {
  const missed = settings.device === "auto" && device === "cpu" ? gpuFacts().problem : null;
  const isOverHost = team !== undefined && device !== "cpu" && !team.group.usesNccl;
  const unfused = fusedViewsProblem(device);
  return [
    ...(missed ? [`this run uses the processor: ${missed}`] : []),
    ...(residence.problem ? [residence.problem] : []),
    ...(isOverHost ? [gpusByGloo] : []),
    ...(unfused ? [`views are made by tensor operations, some ten times slower than fused kernels: ${unfused}`] : []),
  ];
}

/** What a session works with, opened before it. */
type Opened = Pick<Session, "state" | "residence" | "log">;

function openSession(options: TrainOptions, changes: readonly ChangeRecord[], opened: Opened): Session {
  const { folder, checkpoint } = options;
  const { state } = opened;
  const now = performance.now();
  const isSameData = checkpoint?.state.fingerprint === options.dataset.fingerprint;
  if (state.device === "cpu") state.clock = new PartClock(); // a dozen readings of the clock a step
  const quarantine = new Set(isSameData ? checkpoint?.state.quarantine : []); // of other data, these would be other pictures
  const events = readLog(folder);
  const early: string[] = [];
  let hasBegun = false;
  const session: Session = {
    ...options,
    ...opened,
    steering: openSteering({
      ...options,
      changes,
      events,
      step: state.step,
      everyMilliseconds: options.controlEveryMilliseconds,
      onProblem: (message) => (hasBegun ? warn(session, message) : void early.push(message)),
    }),
    watch: collapseWatch(methodOf(options.settings)),
    alarms: alarmsOf(state),
    savedSteps: savedStepsOf(options),
    unlogged: {},
    taken: [],
    stepsAhead: options.stepsAhead ?? (state.device === "cpu" ? 0 : 1),
    quarantine,
    remarks: new Remarks(),
    startedAt: now,
    savedAt: now,
    savedStep: checkpoint ? state.step : -1,
    hasSaidNoRoom: false,
    meter: new Meter(state.clock),
  };
  const due = takeOnDue(session);
  const start = startEvent(session);
  const difference = differenceOfMachines(events, start);
  emit(session, start);
  hasBegun = true;
  if (leads(options.team)) state.observer = observerOf(session);
  tellActs(session, due);
  if (difference) warn(session, difference);
  for (const message of [...early, ...deviceWarnings(session)]) warn(session, message);
  if (options.extendedFrom) emit(session, extensionEvent(state, options.extendedFrom));
  return session;
}

const alarmsOf = (state: TrainState): AlarmWatch =>
  alarmWatch({
    settings: state.settings,
    totalSteps: state.totalSteps,
    warmupSteps: warmupOf(state).steps,
    peak: peakRates(state.settings).weights,
  });

const savedStepsOf = ({ folder, checkpoint }: TrainOptions): number[] =>
  checkpoint ? checkpointSteps(folder).filter((step) => step <= checkpoint.state.step) : [];

const observerOf = (session: Session): StepObserver => {
  const { state, settings, folder } = session;
  return openObserver({
    folder,
    step: state.step,
    stepsPerEpoch: state.stepsPerEpoch,
    every: settings.observeEverySteps,
    method: methodOf(settings),
    changeable: steerableKeys(settings),
    onProblem: (message) => warn(session, message),
  });
};

async function runSession(session: Session): Promise<TrainResult> {
  const { state, dataset, settings } = session;
  const share = shareOf(session);
  await takeLeadersQuarantine(session);
  const options = {
    ...(share && { share }),
    batchSize: settings.batchSize,
    seed: settings.seed,
    startStep: state.step,
    steps: Math.max(0, state.totalSteps - state.step),
    decodeSize: decodeSizeOf(settings),
    quarantine: session.quarantine,
    onBadFile: (_: number, error: Error) => warn(session, error.message),
    onRemark: (index: number, remark: string) => session.remarks.add(index, remark),
  };
  const feed = openFeed(state, session.residence, dataset, options, session.carrier);
  session.meter.startWaiting();
  for await (const batch of feed.batches) {
    session.meter.endWaiting();
    await advance(session, batch, feed);
    if ((await obey(session)) && state.step < state.totalSteps) return finish(session, "stopped");
    session.meter.startWaiting();
  }
  return finish(session, "complete");
}

/** One step and what is due after it. */
async function advance(session: Session, batch: PlacedBatch, feed: Feed): Promise<void> {
  const { state, meter } = session;
  take(session, batch);
  meter.startWaiting();
  await feed.lookAhead(); // the device has its work; reading numbers would wait for it
  meter.endWaiting();
  const isEpochEnd = state.step % state.stepsPerEpoch === 0 || state.step === state.totalSteps;
  const isSaving = isSavingDue(session);
  settle(session, isEpochEnd || isSaving ? 0 : session.stepsAhead);
  if (isEpochEnd) await evaluateEpoch(session, batch.epoch);
  if (isSaving) trySaving(session);
  await new Promise(setImmediate); // signal handlers run between steps
}

async function evaluateEpoch(session: Session, epoch: number): Promise<void> {
  const { state, settings, evaluate, draw, team } = session;
  const isDue =
    settings.knnEveryEpochs > 0 && ((epoch + 1) % settings.knnEveryEpochs === 0 || state.step === state.totalSteps);
  if (!isDue || (!evaluate && !draw && !team)) return;
  const startedAt = performance.now();
  const found = await evaluate?.(state);
  const drawn = async () => void (await draw?.(state).catch((error: Error) => drawNoMore(session, error)));
  await (team ? team.byLeader(drawn) : drawn());
  const taken = { seconds: seconds(startedAt) };
  for (const each of found ?? []) emit(session, { event: "evaluation", step: state.step, epoch, ...each, ...taken });
  session.meter.reset();
}

function drawNoMore(session: Session, { message }: Error): void {
  delete session.draw;
  warn(session, `observe: ${message}; the run goes on without its map`);
}

function finish(session: Session, reason: TrainResult["reason"]): TrainResult {
  settle(session, 0);
  save(session);
  session.team?.sum(0); // nobody ends before it is saved
  const { step, totalSteps } = session.state;
  const leftOut = sampleNames(session.dataset, session.quarantine);
  const said = [describeLeftOut(leftOut), ...session.remarks.sentences(session.dataset)];
  for (const sentence of said.filter(Boolean)) warn(session, sentence);
  emit(session, { event: "end", step, reason, seconds: seconds(session.startedAt) });
  return { reason, step, totalSteps, leftOut };
}

function extensionEvent(state: TrainState, before: Settings): LogEvent {
  const { step, totalSteps, stepsPerEpoch } = state;
  const fromSteps = totalStepsOf(before, stepsPerEpoch * before.batchSize);
  const rateOf = (length: TrainState) => peakRates(length.settings).weights * scheduleFactor(length);
  return {
    event: "extension",
    step,
    fromSteps,
    toSteps: totalSteps,
    learningRate: rateOf(state),
    rateBefore: rateOf({ ...state, settings: before, totalSteps: fromSteps }),
  };
}

function startEvent({ state, residence, dataset, settings, team }: Session): LogEvent {
  const rates = peakRates(settings);
  const warmup = warmupOf(state);
  const part = settings.microBatch ?? settings.batchSize;
  return {
    event: "start",
    time: new Date().toISOString(),
    step: state.step,
    selfsight: version,
    libtorch: engine().builtFor,
    device: state.device,
    precision: state.precision,
    ...(residence.bytes !== undefined && { residentBytes: residence.bytes }),
    batchNormImages: state.method.batchNormImages?.(part) ?? part,
    threads: threads(),
    ...(team && { processes: team.size }),
    peakLearningRate: { weights: rates.weights, biases: rates.biases },
    learningRateRule: rates.rule,
    warmupSteps: warmup.steps,
    warmupRule: warmup.rule,
    stepsPerEpoch: state.stepsPerEpoch,
    totalSteps: state.totalSteps,
    images: dataset.length,
    dataset: dataset.name,
    division: describeDivision(dataset),
    fingerprint: dataset.fingerprint,
    parameters: [...namedParameters(state.method.trainable).values()].reduce((sum, { numel }) => sum + numel, 0),
  };
}
