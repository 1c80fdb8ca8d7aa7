import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, readdirSync, readSync, renameSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import {
  isOutOfRoom,
  openRegular,
  readRegularFile,
  removeQuietly,
  storageError,
  syncFolder,
  writeAndSync,
} from "../../files.ts";
import { encodeSafetensors, readSafetensors, type StoredTensors } from "../../weights/index.ts";
import { fitted } from "../settings/schema-words.ts";

// A checkpoint is a folder written beside its final name, every file fsynced, then renamed, then the parent fsynced. Only a
// name that such a rename made is ever loaded, and nothing old goes before the new one is durable.

const format = 1;
const parts = ["model.safetensors", "optimizer.safetensors"] as const;

const wholeNumber = z.number().int().nonnegative();
const fileFacts = z.strictObject({ bytes: wholeNumber, sha256: z.string().length(64) });

const stateSchema = z.strictObject({
  format: z.literal(format),
  step: wholeNumber,
  /** Of the settings that shape the result, see `settingsHash`. */
  settingsHash: z.string(),
  fingerprint: z.string(),
  updates: wholeNumber,
  /** Dataset indices of files that could not be decoded. */
  quarantine: z.array(wholeNumber),
  files: z.strictObject({ "model.safetensors": fileFacts, "optimizer.safetensors": fileFacts }),
});

/** state.json: where the run stands, and what the other files must be. Beside these it holds the SHA-256 of its own content, as every format will. */
export type CheckpointState = z.infer<typeof stateSchema>;

export interface Checkpoint {
  folder: string;
  state: CheckpointState;
  model: StoredTensors;
  optimizer: StoredTensors;
}

export type CheckpointContent = Omit<Checkpoint, "folder" | "state"> & {
  state: Omit<CheckpointState, "format" | "files">;
};

const folderOf = (run: string) => join(run, "checkpoints");
const nameOf = (step: number) => `step-${String(step).padStart(7, "0")}`;
const stepOf = (name: string) => Number(name.slice("step-".length));

export interface SaveOptions {
  /** Older checkpoints beyond so many are removed after the new one is durable. */
  keep: number;
  /** Told which older checkpoint gave way before, because the disk has no room for one more. */
  onRoomMade?: (message: string) => void;
}

/** Saves and returns folder and size. With no room left older checkpoints give way, but for the newest whole one. Errors: storage. */
export function saveCheckpoint(run: string, content: CheckpointContent, { keep, onRoomMade }: SaveOptions) {
  const { step } = content.state;
  const final = join(folderOf(run), nameOf(step));
  const chunks = {
    "model.safetensors": encodeSafetensors(content.model),
    "optimizer.safetensors": encodeSafetensors(content.optimizer),
  };
  const bytes = Object.values(chunks)
    .flat()
    .reduce((sum, { length }) => sum + length, 0);
  const size = `checkpoint of ${(bytes / 1e6).toFixed(1)} MB`;
  try {
    writeMakingRoom(run, content.state, chunks, (gone, stays) =>
      onRoomMade?.(
        `save: no room left for one more ${size}: ${gone} gave way, ${stays} stays until the new one is whole; free some space, or keep fewer with --set keepCheckpoints=1`,
      ),
    );
    removeOld(run, step, keep);
    return { folder: final, bytes };
  } catch (cause) {
    throw storageError(`save ${size}`, final, cause);
  }
}

type Chunks = Record<(typeof parts)[number], Uint8Array[]>;

/** Tries again as long as an older checkpoint gives way. */
function writeMakingRoom(
  run: string,
  state: CheckpointContent["state"],
  chunks: Chunks,
  onRoomMade: (gone: string, stays: string) => void,
): void {
  try {
    writeFolder(run, state, chunks);
  } catch (cause) {
    const change = isOutOfRoom(cause) ? giveWay(run) : undefined;
    if (change === undefined) throw cause;
    onRoomMade(change.gone, change.stays);
    writeMakingRoom(run, state, chunks, onRoomMade);
  }
}

/** Removes the oldest, if the newest whole one is another; a damaged one that is newer may still be wanted. */
function giveWay(run: string): { gone: string; stays: string } | undefined {
  const names = checkpointNames(run);
  const stays = names.find((name) => isWhole(join(folderOf(run), name)));
  const gone = names.at(-1);
  if (stays === undefined || gone === undefined || gone === stays) return undefined;
  removeQuietly(join(folderOf(run), gone));
  return existsSync(join(folderOf(run), gone)) ? undefined : { gone, stays };
}

function writeFolder(run: string, state: CheckpointContent["state"], chunks: Chunks): void {
  const final = join(folderOf(run), nameOf(state.step));
  const temporary = join(folderOf(run), `.${nameOf(state.step)}.${process.pid}.tmp`);
  try {
    if (!existsSync(folderOf(run))) mkdirSync(folderOf(run)); // not the folders above: a run that was moved stays moved
    removeLeftovers(folderOf(run));
    mkdirSync(temporary);
    writeParts(temporary, state, chunks);
    removeQuietly(final); // only ever what a failed save of this same step left: a sound one is not saved again
    renameSync(temporary, final);
    syncFolder(folderOf(run));
  } catch (cause) {
    removeQuietly(temporary);
    throw cause;
  }
}

function writeParts(folder: string, state: CheckpointContent["state"], chunks: Chunks): void {
  const files = Object.fromEntries(parts.map((name) => [name, writePart(join(folder, name), chunks[name])]));
  const whole = { format, ...state, files };
  const text = JSON.stringify({ ...whole, sha256: sha256Of(whole) }, null, 2);
  writeAndSync(join(folder, "state.json"), [Buffer.from(`${text}\n`)]);
  syncFolder(folder);
}

function writePart(path: string, chunks: readonly Uint8Array[]): z.infer<typeof fileFacts> {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  writeAndSync(path, chunks);
  return { bytes: chunks.reduce((sum, { length }) => sum + length, 0), sha256: hash.digest("hex") };
}

const sha256Of = (content: unknown): string => createHash("sha256").update(JSON.stringify(content)).digest("hex");

/** Unfinished saves of dead processes; the folder's lock guarantees that no other process is at work here. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) if (/^\.step-\d+\.\d+\.tmp$/.test(name)) removeQuietly(join(folder, name));
}

/** Keeps the newest `keep` up to the one just saved; what lies beyond it is not ours to judge. */
function removeOld(run: string, step: number, keep: number): void {
  const names = checkpointNames(run).filter((name) => stepOf(name) <= step);
  for (const name of names.slice(keep)) removeQuietly(join(folderOf(run), name));
}

/** Names of the complete checkpoints, newest first. */
export function checkpointNames(run: string): string[] {
  if (!existsSync(folderOf(run))) return [];
  const names = readdirSync(folderOf(run)).filter((name) => /^step-\d+$/.test(name));
  return names.sort((a, b) => stepOf(b) - stepOf(a));
}

/** Steps of the complete checkpoints, oldest first. */
export const checkpointSteps = (run: string): number[] => checkpointNames(run).map(stepOf).reverse();

/**
 * Renames checkpoints newer than the one a run goes on from (they are damaged), so that new ones can take their names.
 * They are kept, because what is damaged may still be wanted. Only under the folder's lock. Errors: storage.
 */
export function setAsideAfter(run: string, step: number): void {
  for (const name of checkpointNames(run).filter((name) => stepOf(name) > step)) {
    const path = join(folderOf(run), name);
    try {
      renameSync(path, `${path}.aside-${Date.now()}`);
    } catch (cause) {
      throw storageError("set aside", path, cause);
    }
  }
}

/**
 * The newest checkpoint that is whole. Damaged ones are passed over, each said through `onDamaged`; they are left where they are.
 * Errors: checkpoint, when there is none or all are damaged, and when the newest comes from a newer Selfsight.
 */
export function loadNewestCheckpoint(run: string, onDamaged: (message: string) => void): Checkpoint {
  const names = checkpointNames(run);
  for (const name of names) {
    try {
      return loadCheckpoint(join(folderOf(run), name));
    } catch (error) {
      if (!(error instanceof DamagedCheckpoint)) throw error;
      onDamaged(error.message);
    }
  }
  const found = names.length === 0 ? "no checkpoint" : `${names.length} damaged and no whole checkpoint`;
  throw new SelfsightError(
    "checkpoint",
    `open run: ${found} in ${displayName(folderOf(run))}; a whole one is needed; restore one from a copy, or start the run anew with another --out`,
  );
}

/** The checkpoint of one step. Errors: checkpoint, naming those that there are, and when it is damaged. */
export function loadCheckpointAt(run: string, step: number): Checkpoint {
  const names = checkpointNames(run);
  if (names.includes(nameOf(step))) return loadCheckpoint(join(folderOf(run), nameOf(step)));
  const found = names.length === 0 ? "none is there" : `there are those of step ${checkpointSteps(run).join(", ")}`;
  throw new SelfsightError(
    "checkpoint",
    `open run: no checkpoint of step ${step} in ${displayName(folderOf(run))}; ${found}; name one of them, or keep more with --set keepCheckpoints`,
  );
}

/** A checkpoint that cannot be used; an older one may serve in its place. */
class DamagedCheckpoint extends SelfsightError {
  constructor(path: string, found: string) {
    super(
      "checkpoint",
      `load ${displayName(path)}: ${found}; the file as it was saved is needed; an older checkpoint is used where there is one`,
    );
  }
}

/** One checkpoint's folder, every file checked against its size and hash. Errors: checkpoint, naming the file. */
export function loadCheckpoint(folder: string): Checkpoint {
  const state = checkedState(folder);
  const read = (name: (typeof parts)[number]) => orDamaged(join(folder, name), readSafetensors);
  return { folder, state, model: read("model.safetensors"), optimizer: read("optimizer.safetensors") };
}

function checkedState(folder: string): CheckpointState {
  const state = readState(folder);
  for (const name of parts) checkFile(join(folder, name), state.files[name]);
  return state;
}

const isWhole = (folder: string): boolean => stateIf(folder, checkedState) !== undefined;

/** The state of the newest checkpoint that seems whole: the sizes of its files are looked at, not their content. */
export const glanceAtNewest = (run: string): CheckpointState | undefined => newestOf(run, sizedState)?.state;

/** Checkpoints older than the newest whole one, whose every byte was read; none where there is no whole one. */
export function olderCheckpoints(run: string): string[] {
  const names = checkpointNames(run);
  const whole = newestOf(run, checkedState);
  return whole ? names.slice(names.indexOf(whole.name) + 1).map((name) => join(folderOf(run), name)) : [];
}

function newestOf(run: string, look: (folder: string) => CheckpointState) {
  for (const name of checkpointNames(run)) {
    const state = stateIf(join(folderOf(run), name), look);
    if (state) return { name, state };
  }
  return undefined;
}

function stateIf(folder: string, look: (folder: string) => CheckpointState): CheckpointState | undefined {
  try {
    return look(folder);
  } catch {
    return undefined;
  }
}

function sizedState(folder: string): CheckpointState {
  const state = readState(folder);
  for (const name of parts) checkSize(join(folder, name), state.files[name].bytes);
  return state;
}

function readState(folder: string): CheckpointState {
  const path = join(folder, "state.json");
  const { sha256, ...content } = orDamaged(path, readObject);
  if (sha256 !== sha256Of(content)) throw new DamagedCheckpoint(path, "its content does not match its own SHA-256");
  if (typeof content.format === "number" && content.format > format)
    throw new SelfsightError(
      "checkpoint",
      `load ${displayName(folder)}: written in format ${content.format} by a newer Selfsight; this one reads format ${format}; update Selfsight`,
    );
  const state = describedState(path, content);
  if (basename(folder) !== nameOf(state.step))
    throw new DamagedCheckpoint(path, `it is of step ${state.step}, its folder says otherwise`);
  return state;
}

function describedState(path: string, content: unknown): CheckpointState {
  try {
    return fitted(stateSchema, content);
  } catch (fault) {
    throw new DamagedCheckpoint(path, `it does not describe a checkpoint (${(fault as Error).message})`);
  }
}

function readObject(path: string): Record<string, unknown> {
  const value: unknown = JSON.parse(readRegularFile(path).toString("utf8"));
  if (typeof value !== "object" || value === null) throw new Error("no table");
  return value as Record<string, unknown>;
}

/** What cannot be read counts as damaged, whatever the reason. */
function orDamaged<T>(path: string, read: (path: string) => T): T {
  try {
    return read(path);
  } catch (cause) {
    throw new DamagedCheckpoint(path, `it cannot be read (${(cause as Error).message.split("\n")[0]})`);
  }
}

function checkSize(path: string, bytes: number): void {
  if (!existsSync(path)) throw new DamagedCheckpoint(path, "it is missing");
  const { size } = statSync(path);
  if (size !== bytes) throw new DamagedCheckpoint(path, `it has ${size} bytes, ${bytes} were written`);
}

function checkFile(path: string, expected: { bytes: number; sha256: string }): void {
  checkSize(path, expected.bytes);
  const hash = orDamaged(path, hashOfFile);
  if (hash !== expected.sha256)
    throw new DamagedCheckpoint(
      path,
      `its SHA-256 begins ${hash.slice(0, 12)}, ${expected.sha256.slice(0, 12)} was written`,
    );
}

/** In pieces, because a file may be larger than one buffer. */
function hashOfFile(path: string): string {
  const file = openRegular(path);
  try {
    const hash = createHash("sha256");
    const piece = Buffer.allocUnsafe(1 << 22);
    for (let count = readSync(file, piece); count > 0; count = readSync(file, piece))
      hash.update(piece.subarray(0, count));
    return hash.digest("hex");
  } finally {
    closeSync(file);
  }
}
