import { createHash } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { displayName, SelfsightError } from "../errors.ts";
import { makeFolder, storageError, writeFileDurably } from "../files.ts";
import { parseSettings, type Settings } from "./settings.ts";

/** What run.json holds: enough to start the same run again. */
export interface RunFile {
  format: 1;
  settings: Settings;
  command: string;
  data: string;
  versions: { selfsight: string; node: string; libtorch: string };
  fingerprint: string;
  images: number;
  created: string;
}

export const runPath = (folder: string): string => join(folder, "run.json");

/** Makes the folder of a new run. Errors: configuration when a run stands there already; storage. */
export function createRunFolder(folder: string, run: RunFile): void {
  makeFolder(join(folder, "checkpoints"));
  if (existsSync(runPath(folder))) {
    throw new SelfsightError(
      "configuration",
      `pretrain: ${displayName(folder)} holds a run already; a new run needs a folder of its own; go on with \`selfsight pretrain --resume ${displayName(folder)}\` or choose another --out`,
    );
  }
  writeFileDurably(runPath(folder), `${JSON.stringify(run, null, 2)}\n`);
}

/** Reads run.json. Errors: checkpoint, when there is none, when it is damaged or from a newer Selfsight. */
export function readRun(folder: string): RunFile {
  const path = runPath(folder);
  if (!existsSync(path))
    throw refusal(
      `no run.json in ${displayName(resolve(folder))}`,
      "a run's folder is needed",
      "give the folder that `selfsight pretrain --out` named",
    );
  try {
    const run = JSON.parse(readFileSync(path, "utf8")) as RunFile;
    if (run.format !== 1)
      throw refusal(
        `${displayName(path)} has format ${String(run.format)}`,
        "this Selfsight reads format 1",
        "use the Selfsight that wrote it",
      );
    return { ...run, settings: parseSettings(run.settings) };
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw refusal(
      `${displayName(path)} is damaged (${(cause as Error).message.split("\n")[0]})`,
      "the run's settings are needed",
      "restore the file",
    );
  }
}

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("checkpoint", `open run: ${given}; ${needed}; ${advice}`);

/** A short hash of the settings that a checkpoint belongs to. */
export const settingsHash = (settings: Settings): string =>
  createHash("sha256").update(JSON.stringify(settings)).digest("hex").slice(0, 16);

interface Owner {
  pid: number;
  host: string;
  /** The process's own start, in clock ticks since boot; tells a reused pid from the owner. */
  started: string;
}

/**
 * Takes the folder for this process; the lock of a dead process is taken over. Returns how to let go.
 * Errors: configuration, naming pid, host and since when the other runs.
 */
export function lockRunFolder(folder: string): () => void {
  const path = join(folder, "lock");
  const own: Owner = { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? "" };
  const claim = join(folder, `.lock.${process.pid}`);
  try {
    writeFileSync(claim, JSON.stringify(own));
    if (!linked(claim, path)) takeOver(folder, path, claim);
  } catch (cause) {
    throw storageError("lock", path, cause);
  } finally {
    rmSync(claim, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/** A hard link either makes the name or finds it taken: no moment between looking and taking. */
function linked(claim: string, path: string): boolean {
  try {
    linkSync(claim, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function takeOver(folder: string, path: string, claim: string): void {
  const owner = ownerOf(path);
  if (!owner || !isRunning(owner)) {
    rmSync(path, { force: true });
    if (linked(claim, path)) return;
  }
  const who = owner ? `process ${owner.pid} on ${displayName(owner.host)}` : "another process";
  throw new SelfsightError(
    "configuration",
    `run: ${who} is training in ${displayName(folder)}; a run's folder belongs to one process; wait for it, stop it, or choose another --out`,
  );
}

function ownerOf(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

/** On another host nobody can tell, so the owner is believed to run. */
const isRunning = (owner: Owner): boolean =>
  owner.host !== hostname() || (owner.started === "" ? isAlive(owner.pid) : startOf(owner.pid) === owner.started);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function startOf(pid: number): string | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
