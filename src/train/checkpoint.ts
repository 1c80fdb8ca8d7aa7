import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { displayName, SelfsightError } from "../errors.ts";
import { makeFolder, storageError, syncFolder, writeAndSync } from "../files.ts";
import { encodeSafetensors, readSafetensors, type StoredTensors } from "../nn/index.ts";

// A checkpoint is a folder written beside its final name, every file fsynced, then renamed, then the parent fsynced. Only a
// name that such a rename made is ever loaded, and nothing old goes before the new one is durable.

const format = 1;

/** state.json: where the run stands, and what the other files must be. */
export interface CheckpointState {
  format: number;
  step: number;
  settingsHash: string;
  fingerprint: string;
  updates: number;
  /** Dataset indices of files that could not be decoded. */
  quarantine: number[];
  files: Record<string, { bytes: number; sha256: string }>;
}

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

/** Saves and returns folder and size; older checkpoints beyond `keep` are removed after the new one is durable. Errors: storage. */
export function saveCheckpoint(
  run: string,
  { state, model, optimizer }: CheckpointContent,
  { keep }: { keep: number },
) {
  const final = join(folderOf(run), nameOf(state.step));
  const temporary = join(folderOf(run), `.${nameOf(state.step)}.${process.pid}.tmp`);
  try {
    makeFolder(folderOf(run));
    removeLeftovers(folderOf(run));
    mkdirSync(temporary);
    const files = writeParts(temporary, {
      "model.safetensors": encodeSafetensors(model),
      "optimizer.safetensors": encodeSafetensors(optimizer),
    });
    writeAndSync(join(temporary, "state.json"), [
      Buffer.from(`${JSON.stringify({ format, ...state, files }, null, 2)}\n`),
    ]);
    syncFolder(temporary);
    rmSync(final, { recursive: true, force: true }); // only ever a damaged one of this same step: a sound one is not saved again
    renameSync(temporary, final);
    syncFolder(folderOf(run));
    removeOld(run, keep);
    return { folder: final, bytes: Object.values(files).reduce((sum, file) => sum + file.bytes, 0) };
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    throw storageError("save checkpoint", final, cause);
  }
}

function writeParts(folder: string, parts: Record<string, Uint8Array[]>): CheckpointState["files"] {
  const entries = Object.entries(parts).map(([name, chunks]) => {
    const hash = createHash("sha256");
    for (const chunk of chunks) hash.update(chunk);
    writeAndSync(join(folder, name), chunks);
    return [name, { bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0), sha256: hash.digest("hex") }] as const;
  });
  return Object.fromEntries(entries);
}

/** Unfinished saves of dead processes; the folder's lock guarantees that no other process is at work here. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^\.step-\d+\.\d+\.tmp$/.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
}

function removeOld(run: string, keep: number): void {
  for (const name of checkpointNames(run).slice(keep))
    rmSync(join(folderOf(run), name), { recursive: true, force: true });
}

/** Names of the complete checkpoints, newest first. */
export function checkpointNames(run: string): string[] {
  if (!existsSync(folderOf(run))) return [];
  const names = readdirSync(folderOf(run)).filter((name) => /^step-\d+$/.test(name));
  return names.sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)));
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
      if (!(error instanceof SelfsightError) || error.message.includes("newer Selfsight")) throw error;
      onDamaged(error.message);
    }
  }
  const found = names.length === 0 ? "no checkpoint" : `${names.length} checkpoints, all damaged`;
  throw new SelfsightError(
    "checkpoint",
    `open run: ${found} in ${displayName(folderOf(run))}; a whole one is needed; start the run anew with another --out`,
  );
}

/** One checkpoint's folder, every file checked against its size and hash. Errors: checkpoint, naming the file. */
export function loadCheckpoint(folder: string): Checkpoint {
  const state = readState(folder);
  for (const [name, expected] of Object.entries(state.files)) checkFile(join(folder, name), expected);
  return {
    folder,
    state,
    model: readSafetensors(join(folder, "model.safetensors")),
    optimizer: readSafetensors(join(folder, "optimizer.safetensors")),
  };
}

function readState(folder: string): CheckpointState {
  const path = join(folder, "state.json");
  let state: CheckpointState;
  try {
    state = JSON.parse(readFileSync(path, "utf8")) as CheckpointState;
  } catch (cause) {
    throw damaged(path, `it cannot be read (${(cause as Error).message.split("\n")[0]})`);
  }
  if (state?.format > format)
    throw new SelfsightError(
      "checkpoint",
      `load ${displayName(folder)}: written in format ${state.format} by a newer Selfsight; this one reads format ${format}; update Selfsight`,
    );
  const isSound =
    state?.format === format &&
    Number.isSafeInteger(state.step) &&
    Array.isArray(state.quarantine) &&
    typeof state.files === "object" &&
    state.files !== null;
  const names = isSound ? Object.keys(state.files).sort().join() : "";
  if (names !== "model.safetensors,optimizer.safetensors") throw damaged(path, "it does not describe a checkpoint");
  return state;
}

function checkFile(path: string, expected: { bytes: number; sha256: string }): void {
  if (!existsSync(path)) throw damaged(path, "it is missing");
  const size = statSync(path).size;
  if (size !== expected.bytes) throw damaged(path, `it has ${size} bytes, ${expected.bytes} were written`);
  const hash = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (hash !== expected.sha256)
    throw damaged(path, `its SHA-256 begins ${hash.slice(0, 12)}, ${String(expected.sha256).slice(0, 12)} was written`);
}

const damaged = (path: string, found: string) =>
  new SelfsightError(
    "checkpoint",
    `load ${displayName(path)}: ${found}; the file as it was saved is needed; an older checkpoint is used where there is one`,
  );
