// A run that gets another length when it goes on. From its present step on it follows the schedule of a run that was planned so:
// the cosine is stretched, so the rate rises where the run was near its end. Its run.json keeps each length that it had.
import { SelfsightError } from "../../errors.ts";
import type { Settings } from "../settings/settings.ts";
import { totalStepsOf } from "../state.ts";
import { type ChangeRecord, hashesAt, settingsAt } from "../steer/changes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type RunFile, writeRun } from "./folder.ts";
import { type LockOptions, lockRunFolder } from "./lock.ts";
import { settingsHash } from "./resume.ts";

export interface LengthChange {
  /** The settings that hold from now on. */
  settings: Settings;
  /** Those of before, where the number of steps is another one. */
  extendedFrom?: Settings;
}

/** Errors: configuration, when fewer steps are asked for than are done. */
export function changedLength(run: RunFile, settings: Settings, images: number, done: number): LengthChange {
  const [before, after] = [run.settings, settings].map((each) => totalStepsOf(each, images)) as [number, number];
  const { epochs, steps } = run.settings;
  if (before === after) return { settings: { ...settings, epochs, steps } };
  if (after >= done) return { settings, extendedFrom: run.settings };
  throw new SelfsightError(
    "configuration",
    `resume: ${lengthText(settings, after)}, and ${done} are done; as many or more are needed; give a greater number, or start a new run with another --out`,
  );
}

const lengthText = ({ epochs, steps }: Settings, total: number): string =>
  steps === null
    ? `${epochs} ${epochs === 1 ? "epoch makes" : "epochs make"} ${total} steps`
    : `${steps} steps are asked for`;

/** Writes the new length into run.json. Errors: configuration (another process trains here), storage. */
export function recordLength(
  folder: string,
  run: RunFile,
  { epochs, steps }: Settings,
  step: number,
  options: LockOptions,
): void {
  const change = { step, time: new Date().toISOString(), epochs: run.settings.epochs, steps: run.settings.steps };
  const unlock = lockRunFolder(folder, options);
  try {
    const settings = { ...run.settings, epochs, steps };
    writeRun(folder, { ...run, settings, extensions: [...(run.extensions ?? []), change] });
  } finally {
    unlock();
  }
}

/** A checkpoint that was saved under a length that the run had, as one of its present length. */
export function atPresentLength(
  checkpoint: Checkpoint,
  run: RunFile,
  settings: Settings,
  changes: readonly ChangeRecord[] = [],
): Checkpoint {
  const { step } = checkpoint.state;
  const lengths = [run.settings, ...(run.extensions ?? [])].map(({ epochs, steps }) => ({ epochs, steps }));
  const hashes = lengths.flatMap((length) => hashesAt({ ...settings, ...length }, changes, step));
  if (!hashes.includes(checkpoint.state.settingsHash)) return checkpoint;
  const present = settingsHash(settingsAt(settings, changes, step));
  return { ...checkpoint, state: { ...checkpoint.state, settingsHash: present } };
}

/** A sentence when the steps before the run was extended are to be done again. */
export function repeatedBeforeExtension({ extensions = [] }: RunFile, step: number): string | undefined {
  const later = extensions.find((extension) => extension.step > step);
  if (!later) return undefined;
  return `resume: the run was extended at step ${later.step}, and its newest whole checkpoint is of step ${step}: the steps between are done again by the new schedule, so the result is not that of an unbroken run`;
}
