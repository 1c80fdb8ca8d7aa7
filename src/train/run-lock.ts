import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { displayName, SelfsightError } from "../errors.ts";
import { linked, removeQuietly, storageError } from "../files.ts";

// One process trains in a folder. The lock is a file that names its owner; that of a dead process is taken over.

interface Owner {
  pid: number;
  host: string;
  /** The process's own start, in clock ticks since boot; tells a reused pid from the owner. Empty where it cannot be known. */
  started: string;
  /** When the lock was taken; for people. */
  since: string;
}

const lockPath = (folder: string): string => join(folder, "lock");

/**
 * Takes the folder for this process; the lock of a dead process is taken over. Returns how to let go.
 * Errors: configuration, naming pid, host and since when the other runs; storage.
 */
export function lockRunFolder(folder: string): () => void {
  const path = lockPath(folder);
  const claim = join(folder, `.lock.${process.pid}`);
  const text = JSON.stringify(ownOwner());
  try {
    writeFileSync(claim, text);
    if (!linked(claim, path)) takeOver(folder, claim);
  } catch (cause) {
    throw storageError("lock", path, cause);
  } finally {
    removeQuietly(claim);
  }
  return () => {
    if (textOf(path) === text) removeQuietly(path);
  };
}

/** Errors: configuration, when another process trains in the folder. */
export function refuseLockedFolder(folder: string): void {
  const owner = ownerFrom(textOf(lockPath(folder)));
  if (owner && isRunning(owner)) throw lockedBy(owner, folder);
}

const ownOwner = (): Owner => ({
  pid: process.pid,
  host: hostname(),
  started: startOf(process.pid) ?? "",
  since: new Date().toISOString(),
});

/** The stale file is moved away, not deleted: whoever moved a fresh one of a quicker process sees that and puts it back. */
function takeOver(folder: string, claim: string): void {
  const path = lockPath(folder);
  const found = textOf(path);
  const owner = ownerFrom(found);
  if (owner && isRunning(owner)) throw lockedBy(owner, folder);
  const moved = `${claim}.stale`;
  if (found !== undefined && isMoved(path, moved)) {
    if (textOf(moved) !== found) linked(moved, path);
    removeQuietly(moved);
  }
  if (!linked(claim, path)) throw lockedBy(ownerFrom(textOf(path)), folder);
}

function isMoved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function lockedBy(owner: Owner | undefined, folder: string): SelfsightError {
  const who = owner
    ? `process ${owner.pid} on ${displayName(owner.host)} has been training since ${displayName(owner.since)}`
    : "another process is training";
  return new SelfsightError(
    "configuration",
    `run: ${who} in ${displayName(folder)}; a run's folder belongs to one process; wait for it, stop it, or choose another --out`,
  );
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Undefined for what is no lock of ours; such a file protects nobody. */
function ownerFrom(text: string | undefined): Owner | undefined {
  try {
    const owner = JSON.parse(text ?? "") as Owner | null;
    return Number.isInteger(owner?.pid) && typeof owner?.host === "string" ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** On another host nobody can tell, so the owner is believed to run. */
const isRunning = (owner: Owner): boolean =>
  owner.host !== hostname() || (owner.started ? startOf(owner.pid) === owner.started : isAlive(owner.pid));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // it lives, as another user's
  }
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and brackets. */
function startOf(pid: number): string | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
