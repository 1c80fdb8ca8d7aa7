import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { displayName, SelfsightError } from "./errors.ts";

// A file is written beside its target, checked for short writes, fsynced and renamed, and the folder is fsynced. So a name
// that a reader knows holds either the old bytes or the new ones, whatever was killed or cut off in between.

/** Replaces `path` by `chunks`, all or nothing. Errors: storage, naming file, bytes and reason; the temporary file is removed. */
export function writeFileDurably(path: string, chunks: Iterable<Uint8Array> | string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    writeAndSync(temporary, typeof chunks === "string" ? [Buffer.from(chunks)] : chunks);
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (cause) {
    removeQuietly(temporary);
    throw storageError("write", path, cause);
  }
}

/** Creates `path` in the same way, or returns false and leaves what stands there. */
export function createFileDurably(path: string, text: string): boolean {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    writeAndSync(temporary, [Buffer.from(text)]);
    const isNew = linked(temporary, path);
    syncFolder(dirname(path));
    return isNew;
  } catch (cause) {
    throw storageError("write", path, cause);
  } finally {
    removeQuietly(temporary);
  }
}

/** A hard link either makes the name or finds it taken (false): no moment between looking and taking. */
export function linked(existing: string, path: string): boolean {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a file or a folder; what cannot be removed stays, because another error is on its way or nothing depends on it. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {}
}

/** Writes a new file and flushes it to the disk; for files inside a folder that is itself renamed into place later. */
export function writeAndSync(path: string, chunks: Iterable<Uint8Array>): void {
  const file = openSync(path, "w");
  try {
    for (const chunk of chunks) writeWhole(file, chunk);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** `writeSync` may write less than it was given and report no error: only the count tells. */
export function writeWhole(file: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    const count = writeSync(file, bytes, written, bytes.length - written);
    if (count === 0) throw new Error(`wrote ${written} of ${bytes.length} bytes`);
    written += count;
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Opens what must be a regular file: a FIFO would be waited for without end, a device read without end. */
export function openRegular(path: string, flags: number = constants.O_RDONLY): number {
  const file = openSync(path, flags | constants.O_NONBLOCK, 0o666);
  const stats = fstatSync(file);
  if (stats.isFile()) return file;
  closeSync(file);
  const found = stats.isDirectory() ? "it is a folder" : "it is no regular file";
  throw Object.assign(new Error(found), { code: "EFTYPE" }); // BSD's name for it; Linux has none
}

/** The bytes of a regular file. Errors: those of the system, and of `openRegular`. */
export function readRegularFile(path: string): Buffer {
  const file = openRegular(path);
  try {
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** Creates a folder and those above it, durably. Errors: storage. */
export function makeFolder(path: string): void {
  try {
    makeWithParents(path);
  } catch (cause) {
    throw storageError("create", path, cause);
  }
}

/** One by one: Node's own `recursive` says ENOENT where the file system is read-only. */
function makeWithParents(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  if (!existsSync(dirname(path))) makeWithParents(dirname(path));
  try {
    mkdirSync(path);
    syncFolder(dirname(path));
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EEXIST";
    if (!isTaken || !statSync(path).isDirectory()) throw error; // a folder that another process made is as good
  }
}

/** Whether a system call failed because no room was left. */
export const isOutOfRoom = (cause: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes((cause as NodeJS.ErrnoException).code ?? "");

/** The sentence for a failed system call on a path. */
export function storageError(operation: string, path: string, cause: unknown): SelfsightError {
  if (cause instanceof SelfsightError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? "";
  const advice = adviceFor[code] ?? "check the path and the disk";
  const reason = (cause as Error).message;
  return new SelfsightError("storage", `${operation}: ${displayName(path)}: ${reason}; ${advice}`, { cause });
}

const adviceFor: Record<string, string> = {
  ENOSPC: "the disk is full; free some space, what was saved before is intact",
  EDQUOT: "the disk quota is used up; free some space, what was saved before is intact",
  EFBIG: "the file is larger than the limit of this process or file system; raise the limit (ulimit -f)",
  EROFS: "the file system is read-only; choose another folder with --out",
  EACCES: "this user may not write there; choose another folder with --out",
  EPERM: "this user may not write there; choose another folder with --out",
  EIO: "the disk reported an error; what was saved before is intact, check the disk",
  ENOTDIR: "a part of the path is a file; choose another folder with --out",
  ENOENT: "a folder of the path is missing; it may have been moved or deleted",
  EFTYPE: "a regular file is needed; remove what stands there",
  EMFILE: "this process has too many files open; raise the limit (ulimit -n)",
};
