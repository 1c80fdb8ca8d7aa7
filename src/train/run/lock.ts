import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import { removeQuietly, storageError } from "../../files.ts";
import { lockFile } from "../../torch/index.ts";
import { described, isOfThisBoot, isOfThisNamespace, type Owner, ownerFrom, ownOwner } from "./lock-owner.ts";

// One process trains in a folder. The kernel keeps its file `lock` and lets it go when the process ends, however that comes
// about. What another machine holds over a network file system the kernel may not see: there the owner touches the file every
// few seconds, and an owner that has long not done so is taken for dead.

/** A process that is just ending still holds its folder for a moment. */
const patienceMs = 2000;
const beatMs = 10_000;
/** A step may hold the event loop, and so the beat, for minutes; a file server's clock may be coarse. */
export const silenceOfTheDeadMs = 180_000;

export interface LockOptions {
  /** Take the folder although another machine's process seems to train in it. Default false. */
  takeOver?: boolean;
}

/**
 * Takes the folder for this process. Returns how to let go.
 * Errors: configuration, naming pid, host and since when the other runs, or how long to wait; storage.
 */
export function lockRunFolder(folder: string, { takeOver = false }: LockOptions = {}): () => void {
  const file = heldFile(folder);
  try {
    refuseAnotherMachine(folder, file, takeOver);
    const text = JSON.stringify(ownOwner());
    say(file, text);
    const beat = setInterval(() => say(file, text), beatMs).unref();
    return () => {
      clearInterval(beat);
      release(folder, file);
    };
  } catch (cause) {
    closeSync(file);
    throw storageError("lock", folder, cause);
  }
}

/** Looked at before any work is done. Errors: configuration, when another process trains in the folder. */
export function refuseLockedFolder(folder: string, { takeOver = false }: LockOptions = {}): void {
  if (!existsSync(lockPath(folder))) return;
  const file = heldFile(folder);
  try {
    refuseAnotherMachine(folder, file, takeOver);
  } finally {
    closeSync(file);
  }
}

/** Who trains in the folder now, or undefined: a look that waits for nobody, leaves nothing behind and needs no right to write. */
export function trainingOwner(folder: string): Owner | undefined {
  try {
    const owner = ownerFrom(readFileSync(lockPath(folder), "utf8"));
    const isAtWork = owner && (isOfThisBoot(owner) ? kernelHolds(folder) : undefined);
    return (isAtWork ?? hasFreshBeat(folder)) ? owner : undefined;
  } catch {
    return undefined; // no lock, or none that can be read
  }
}

/**
 * Whether a process seems to train in the folder, for those that only want to say something to it and must not load libtorch: a
 * process of that number lives, or of another machine or container a beat is fresh.
 */
export function seemsAtWork(folder: string): boolean {
  try {
    const owner = ownerFrom(readFileSync(lockPath(folder), "utf8"));
    if (owner === undefined) return false;
    return isOfThisBoot(owner) && isOfThisNamespace(owner) ? isAlive(owner.pid) : hasFreshBeat(folder);
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const hasFreshBeat = (folder: string): boolean => Date.now() - statSync(lockPath(folder)).mtimeMs < silenceOfTheDeadMs;

/** Undefined where this user may not ask, or the file system does not know. */
function kernelHolds(folder: string): boolean | undefined {
  let file: number;
  try {
    file = openSync(lockPath(folder), constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const isFree = lockFile(file);
    return isFree === null ? undefined : !isFree;
  } finally {
    closeSync(file);
  }
}

const lockPath = (folder: string): string => join(folder, "lock");

/** The open file `lock` that the kernel keeps for us, and that still bears this name. */
function heldFile(folder: string): number {
  for (const until = Date.now() + patienceMs; ; pause(25)) {
    const file = opened(folder);
    if (lockFile(file) === false) {
      closeSync(file);
      if (Date.now() > until) throw held(folder);
    } else if (bearsItsName(file, folder)) return file;
    else closeSync(file); // its owner let go and removed it between our opening and our locking
  }
}

function opened(folder: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const file = openSync(lockPath(folder), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
  } catch (cause) {
    throw isForbidden(cause) ? notWritable(folder, cause as Error) : storageError("lock", folder, cause);
  }
  throw new SelfsightError(
    "storage",
    `lock: ${displayName(lockPath(folder))} is no regular file; the lock of a run is one; remove it`,
  );
}

const isForbidden = (cause: unknown): boolean =>
  ["EROFS", "EACCES", "EPERM"].includes((cause as NodeJS.ErrnoException).code ?? "");

const notWritable = (folder: string, cause: Error) =>
  new SelfsightError(
    "storage",
    `lock: ${displayName(folder)}: ${cause.message}; a run writes to its folder as it goes on; let this user write there, or copy the folder to a disk that may be written and resume the copy`,
    { cause },
  );

function bearsItsName(file: number, folder: string): boolean {
  try {
    return statSync(lockPath(folder)).ino === fstatSync(file).ino;
  } catch {
    return false;
  }
}

const pause = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Where the kernel's answer does not reach the owner's machine, its last sign of life decides. */
function refuseAnotherMachine(folder: string, file: number, takeOver: boolean): void {
  const owner = ownerFrom(readFileSync(lockPath(folder), "utf8"));
  if (!owner || isOfThisBoot(owner) || takeOver) return;
  const silentMs = now(folder) - fstatSync(file).mtimeMs;
  if (silentMs < silenceOfTheDeadMs) throw beating(folder, owner, silentMs);
}

/** The file system's own time: a server's clock need not be ours. */
function now(folder: string): number {
  const probe = join(folder, `.lock.${process.pid}`);
  try {
    writeFileSync(probe, "");
    return statSync(probe).mtimeMs;
  } finally {
    removeQuietly(probe);
  }
}

/** A beat is a whole new text: it moves the time on file servers too. What cannot be written costs a beat, never the run. */
function say(file: number, text: string): void {
  try {
    ftruncateSync(file, Buffer.byteLength(text));
    writeSync(file, text, 0);
  } catch {}
}

/** The name goes first: who opened it before finds that the file that it got bears no name, and looks again. */
function release(folder: string, file: number): void {
  if (bearsItsName(file, folder)) removeQuietly(lockPath(folder));
  closeSync(file);
}

function held(folder: string): SelfsightError {
  let owner: Owner | undefined;
  try {
    owner = ownerFrom(readFileSync(lockPath(folder), "utf8"));
  } catch {}
  return refusal(folder, owner ? described(owner) : "another process is training", "wait for it or stop it");
}

function beating(folder: string, owner: Owner, silentMs: number): SelfsightError {
  const [silent, wait] = [silentMs, silenceOfTheDeadMs - silentMs].map((time) => Math.max(0, Math.round(time / 1000)));
  return refusal(
    folder,
    `${described(owner)}, on another machine or before this one was started; its last sign of life is ${silent} s old`,
    `try again in ${wait} s, when it counts as dead, or say --take-over if you know that it is gone`,
  );
}

const refusal = (folder: string, who: string, advice: string) =>
  new SelfsightError(
    "configuration",
    `run: ${who} in ${displayName(folder)}; a run's folder belongs to one process; ${advice}`,
  );
