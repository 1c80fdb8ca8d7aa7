import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import { linked, removeQuietly, storageError } from "../../files.ts";

// One process trains in a folder. Its lock is a file lock.N that names the owner. The locks of dead processes are left alone
// until somebody holds the next number, so that two who find the same stale lock cannot both take its place.

interface Owner {
  pid: number;
  host: string;
  /** The process's own start, in clock ticks since boot; tells a reused pid from the owner. Empty where it cannot be known. */
  started: string;
  /** When the lock was taken; for people. */
  since: string;
}

/**
 * Takes the folder for this process; the lock of a dead process is taken over. Returns how to let go.
 * Errors: configuration, naming pid, host and since when the other runs; storage.
 */
export function lockRunFolder(folder: string): () => void {
  const claim = join(folder, `.lock.${process.pid}`);
  const text = JSON.stringify(ownOwner());
  try {
    writeFileSync(claim, text);
    const path = takeNext(folder, claim);
    return () => {
      if (textOf(path) === text) removeQuietly(path);
    };
  } catch (cause) {
    throw storageError("lock", folder, cause);
  } finally {
    removeQuietly(claim);
  }
}

function takeNext(folder: string, claim: string): string {
  refuseLockedFolder(folder);
  const stale = locksIn(folder);
  const path = lockPath(folder, Math.max(0, ...stale) + 1);
  if (!linked(claim, path)) throw lockedBy(ownerFrom(textOf(path)), folder);
  try {
    refuseLockedFolder(folder, path); // somebody may have come between the first look and the taking
  } catch (error) {
    removeQuietly(path);
    throw error;
  }
  for (const number of stale) removeQuietly(lockPath(folder, number));
  return path;
}

/** Errors: configuration, when another process trains in the folder. */
export function refuseLockedFolder(folder: string, except?: string): void {
  const paths = locksIn(folder).map((number) => lockPath(folder, number));
  const owners = paths.filter((path) => path !== except).map((path) => ownerFrom(textOf(path)));
  const other = owners.find((owner) => owner && isRunning(owner));
  if (other) throw lockedBy(other, folder);
}

const lockPath = (folder: string, number: number): string => join(folder, `lock.${number}`);

function locksIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^lock\.\d{1,9}$/.test(name));
  return names.map((name) => Number(name.slice("lock.".length)));
}

const ownOwner = (): Owner => ({
  pid: process.pid,
  host: hostname(),
  started: startOf(process.pid) ?? "",
  since: new Date().toISOString(),
});

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
