// Steps whose numbers are read when the device has its next ones: log, watch and refusal come from here, each with its own step.
import { join } from "node:path";
import type { PlacedBatch } from "../augment/index.ts";
import { type NamedBatch, sampleName } from "../data/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { writeFileDurably } from "../files.ts";
import { collapseAlarm, notFiniteAlarm } from "./observe/proposals.ts";
import { isOutOfMemory, withFittingParts, withGuess } from "./out-of-memory.ts";
import type { Alarm, LogEvent } from "./run/log.ts";
import { emit, type Session, type TakenStep, warn } from "./session.ts";
import { scheduleFactor } from "./state.ts";
import { enqueueStep, type StepResult } from "./step.ts";
import type { RepresentationHealth } from "./watch.ts";

/** Gives the device the next step. Errors: memory, with the microBatch that fits. */
export function take(session: Session, batch: PlacedBatch): void {
  try {
    const numbers = enqueueStep(session.state, batch);
    const { images: _, ...named } = batch; // the pictures are not held until the numbers are read
    session.taken.push({ batch: named, step: session.state.step, numbers });
  } catch (error) {
    throw isOutOfMemory(error) ? withAdvice(session, batch, error) : error;
  }
}

function withAdvice(session: Session, batch: PlacedBatch, error: SelfsightError): SelfsightError {
  settle(session, 0); // what was learned before is told first
  if (session.team) return withGuess(session.state, session.team.size, error);
  warn(session, "memory ran out; the step is tried in smaller parts, to say which would fit");
  return withFittingParts(session.state, batch, error);
}

/** Reads steps, the oldest first, until so many are left. Errors: numerics, with the batch whose loss was not finite. */
export function settle(session: Session, left: number): void {
  while (session.taken.length > left) tell(session, session.taken.shift()!);
}

function tell(session: Session, taken: TakenStep): void {
  const { state, settings } = session;
  const result = readOrExplain(session, taken);
  state.observer?.settle(taken.step);
  session.meter.count(settings.batchSize);
  session.unlogged = healthOf(result) ?? session.unlogged;
  if (taken.step % settings.logEverySteps === 0 || taken.step === state.totalSteps) report(session, taken, result);
  observe(session, taken, result);
}

function readOrExplain(session: Session, { batch, numbers }: TakenStep): StepResult {
  try {
    return numbers.read();
  } catch (error) {
    if (!(error instanceof SelfsightError && error.kind === "numerics")) throw error;
    session.state.observer?.settle(Number.POSITIVE_INFINITY); // what it still holds goes
    const told = withBatch(session, batch, error);
    warn(session, told.message, notFiniteAlarmOf(session));
    throw told;
  }
}

function notFiniteAlarmOf({ settings, state, savedSteps }: Session): Alarm {
  const learningRate = state.optimizer.groups[0]!.learningRate * scheduleFactor(state);
  return notFiniteAlarm(settings, state.precision, { step: state.step, learningRate }, savedSteps.length > 0);
}

/** Leaves the names of the batch beside the run, so that the pictures can be looked at. */
function withBatch({ dataset, folder, state }: Session, batch: NamedBatch, error: SelfsightError): SelfsightError {
  const names = Array.from(batch.indices, (index) => sampleName(dataset, index));
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

function report(session: Session, { batch, step }: TakenStep, result: StepResult): void {
  const { state, meter } = session;
  const { learningRate, loss, ...metrics } = result;
  const event: LogEvent = {
    event: "step",
    step,
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

function observe(session: Session, { step }: TakenStep, result: StepResult): void {
  const health = healthOf(result);
  const message = health && session.watch.observe(step, health);
  if (message)
    warn(
      session,
      message,
      collapseAlarm(session.settings, session.watch.standing()!, health, savedBefore(session, step)),
    );
}

/** Observations in which a fall shows before it is called one, see `collapseWatch`. */
const observationsOfAFall = 22;

/** The newest checkpoint that stands from before a fall. */
function savedBefore({ savedSteps, settings }: Session, step: number): number | undefined {
  const fallen = step - observationsOfAFall * settings.watchEverySteps;
  return savedSteps.findLast((saved) => saved > 0 && saved <= fallen);
}

/** What the step saw of the embeddings, if it looked. */
function healthOf({
  featureStd,
  effectiveRank,
  deadDimensions,
  recognition,
}: StepResult): RepresentationHealth | undefined {
  if (featureStd === undefined || effectiveRank === undefined || deadDimensions === undefined) return undefined;
  return { featureStd, effectiveRank, deadDimensions, ...(recognition !== undefined && { recognition }) };
}
