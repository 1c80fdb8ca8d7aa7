// When a run is saved, and what becomes of it when it cannot be.
import { leads } from "../distributed/index.ts";
import { SelfsightError } from "../errors.ts";
import { areFinite, namedParameters } from "../nn/index.ts";
import { saveCheckpoint } from "./run/checkpoint.ts";
import { settingsHash } from "./run/resume.ts";
import { emit, type Session, seconds, warn } from "./session.ts";
import { checkpointOf, type TrainState } from "./state.ts";

export function isSavingDue({ state, settings, savedAt }: Session): boolean {
  const isStepDue = settings.checkpointEverySteps > 0 && state.step % settings.checkpointEverySteps === 0;
  return isStepDue || performance.now() - savedAt > settings.checkpointEveryMinutes * 60_000;
}

/** A save on the way: one that fails is a warning. */
export function trySaving(session: Session): void {
  try {
    save(session);
  } catch (error) {
    if (!(error instanceof SelfsightError && error.kind === "storage")) throw error;
    session.savedAt = performance.now(); // the next try when the next save is due
    warn(session, `${error.message}; the run goes on and tries again later`);
  }
}

export function save(session: Session): void {
  const { state, folder, dataset, settings, quarantine } = session;
  if (session.savedStep === state.step || !leads(session.team)) return;
  refuseLostWeights(state);
  const startedAt = performance.now();
  const content = checkpointOf(state, {
    settingsHash: settingsHash(settings),
    fingerprint: dataset.fingerprint,
    quarantine,
  });
  const saved = saveCheckpoint(folder, content, {
    keep: settings.keepCheckpoints,
    onRoomMade: (message) => sayNoRoom(session, message),
  });
  session.savedAt = performance.now();
  session.savedStep = state.step;
  session.savedSteps = [...session.savedSteps, state.step].slice(-settings.keepCheckpoints);
  emit(session, {
    event: "checkpoint",
    step: state.step,
    folder: saved.folder,
    seconds: seconds(startedAt),
    bytes: saved.bytes,
  });
}

/** Once: a disk that is too small for one checkpoint more is so at every save. */
function sayNoRoom(session: Session, message: string): void {
  if (!session.hasSaidNoRoom) warn(session, message);
  session.hasSaidNoRoom = true;
}

/** A finite loss may still leave gradients that are not: what was saved before must not give way to such weights. */
function refuseLostWeights({ method, step }: TrainState): void {
  const learned = namedParameters({ ...method.trainable, ...method.frozen });
  if (areFinite([...learned.values()])) return;
  throw new SelfsightError(
    "numerics",
    `saving step ${step}: the weights are no longer finite; nothing was saved over the checkpoints that stand; lower optimizer.learningRate, lengthen warmupEpochs, or use --precision fp32`,
  );
}
