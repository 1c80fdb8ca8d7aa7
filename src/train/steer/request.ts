// control/: how another process asks something of the one that trains. No libtorch is needed here.
import { randomBytes } from "node:crypto";
import { lstatSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { removeQuietly, storageError } from "../../files.ts";
import { readRun } from "../run/folder.ts";
import { seemsAtWork } from "../run/lock.ts";
import { fitted } from "../settings/schema-words.ts";

export const controlPath = (folder: string): string => join(folder, "control");

/** Bytes of a request. */
export const mostRequestBytes = 16_384;
export const requestName = /^\d{13}-[0-9a-f]{8}\.json$/;

const via = z.enum(["page", "command", "library"]).default("library").describe("what the request was made with");
const value = z
  .union([z.number(), z.boolean(), z.null(), z.string().max(1000), z.array(z.number()).max(100)])
  .meta({ needed: "a number, a text, true, false, null or a list of numbers" });
const settings = z
  .record(z.string().min(1).max(200), value)
  .refine((all) => Object.keys(all).length > 0, "at least one setting is needed")
  .refine((all) => Object.keys(all).length <= 100, "at most 100 settings are needed")
  .meta({ needed: "a table of dotted keys and values" })
  .describe("dotted keys and their new values");

const format = z.literal(1);
const schemas = {
  set: z.strictObject({ format, act: z.literal("set"), settings, via }),
  save: z.strictObject({ format, act: z.literal("save"), via }),
  stop: z.strictObject({ format, act: z.literal("stop"), via }),
  reorder: z.strictObject({ format, act: z.literal("reorder"), via }),
};

/** What may be asked of a run that trains: one schema for each act. */
export const requestSchema = z.discriminatedUnion("act", [schemas.set, schemas.save, schemas.stop, schemas.reorder]);

const head = z
  .object({ act: z.enum(["set", "save", "stop", "reorder"]) })
  .meta({ needed: "a table of format, act and via" });

/** Errors: a plain one whose text names the first fault. */
export function requestFrom(json: unknown): ReadRequest {
  const { act } = fitted(head, json);
  return fitted(schemas[act] as z.ZodType<ReadRequest>, json);
}

/** A request as control/ holds it. */
export type ReadRequest = z.output<typeof requestSchema>;

/** What a request was made with. */
export type SteeredVia = "page" | "command" | "library";

/**
 * What may be asked: `set` changes settings from the next step on, by dotted keys (`views.*` is all views; of optimizer.learningRate `x0.5`
 * halves it), `save` saves, `stop` saves and ends, `reorder` orders the features of the observed matrix anew. `via` is for the log, default library.
 */
export type Wish =
  | { act: "set"; settings: Record<string, number | boolean | string | number[] | null>; via?: SteeredVia }
  | { act: "save" | "stop" | "reorder"; via?: SteeredVia };

/**
 * Asks something of the process that trains in a run's folder. Returns the request's id: the answer is the `act` event of the run's log
 * that names it. Nobody waits here.
 *
 * @throws SelfsightError "configuration" (nobody trains there, no such request), "checkpoint" (no run), "unsafe" (another user's run), "storage".
 */
export function askOfRun(folder: string, wish: Wish): string {
  const request = { format: 1, ...wish };
  refuseUnfitRequest(request);
  readRun(folder);
  refuseForeignFolder(folder);
  if (!seemsAtWork(folder)) throw nobodyTrains(folder);
  const control = controlPath(folder);
  if (!isOwnFolder(control)) throw notOffered(folder);
  return written(control, JSON.stringify(request));
}

function refuseUnfitRequest(request: unknown): void {
  try {
    requestFrom(request);
  } catch (cause) {
    throw new SelfsightError("configuration", `steer: ${(cause as Error).message}`);
  }
}

function written(control: string, text: string): string {
  const id = newId();
  const [temporary, final] = [join(control, `.${id}.tmp`), join(control, `${id}.json`)];
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    renameSync(temporary, final);
    return id;
  } catch (cause) {
    removeQuietly(temporary);
    throw storageError("steer", final, cause);
  }
}

let lastMilliseconds = 0;

/** Ids of one process stand in the order in which they were made. */
function newId(): string {
  lastMilliseconds = Math.max(Date.now(), lastMilliseconds + 1);
  return `${String(lastMilliseconds).padStart(13, "0")}-${randomBytes(4).toString("hex")}`;
}

/** A folder that is no link, of this user, that nobody else may enter. */
export function isOwnFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
}

function refuseForeignFolder(folder: string): void {
  if (statSync(folder).uid === process.getuid?.()) return;
  throw new SelfsightError(
    "unsafe",
    `steer: ${displayName(folder)} belongs to another user; a run is steered by the user who trains it; ask that user, or fork the run into a folder of your own`,
  );
}

const nobodyTrains = (folder: string) =>
  new SelfsightError(
    "configuration",
    `steer: nobody trains in ${displayName(folder)}; only a run at work takes requests; go on with \`selfsight pretrain --resume ${displayName(folder)}\`, or fork it with \`selfsight pretrain --from ${displayName(folder)}\``,
  );

const notOffered = (folder: string) =>
  new SelfsightError(
    "configuration",
    `steer: the process that trains in ${displayName(folder)} takes no requests: ${displayName(controlPath(folder))} is no folder of this user's alone (mode 0700); a run of this version makes one when it begins; stop the run and go on with --resume`,
  );
