import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { createFileDurably, makeFolder, readRegularFile, writeFileDurably } from "../../files.ts";
import { fitted } from "../settings/schema-words.ts";
import { parseSettings, type Settings } from "../settings/settings.ts";
import { refuseLockedFolder } from "./lock.ts";

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
  /** Where its first weights come from, when they are not drawn anew. */
  from?: Origin | undefined;
  /** The lengths that it had, each until the step at which it got another one. */
  extensions?: Extension[] | undefined;
}

const originSchema = z.object({
  source: z.string(),
  /** Null for a file of weights. */
  method: z.string().nullable(),
  step: z.number().int().nonnegative().nullable(),
  /** Of the file that held the model. */
  sha256: z.string(),
  /** Parts of the model that were taken, such as backbone. */
  taken: z.array(z.string()),
  /** Parts that started new. */
  fresh: z.array(z.string()),
  /** Of a fork: what it has beside weights, and in which settings it differs from the run that it comes from. */
  fork: z
    .object({
      /** Whether it counts its steps on from those of that run. */
      keepsStep: z.boolean(),
      optimizer: z.enum(["kept", "kept in part", "new"]),
      changes: z.array(z.object({ key: z.string(), from: z.unknown(), to: z.unknown() })),
    })
    .optional(),
});

const length = z.number().int().positive().nullable();
const extensionSchema = z.object({
  step: z.number().int().nonnegative(),
  time: z.string(),
  epochs: length,
  steps: length,
});

type Extension = z.infer<typeof extensionSchema>;

export type Origin = z.infer<typeof originSchema>;

export const runPath = (folder: string): string => join(folder, "run.json");

/** Makes the folder of a new run. Errors: configuration when a run stands there already; storage. */
export function createRunFolder(folder: string, run: RunFile): void {
  refuseUsedFolder(folder);
  makeFolder(join(folder, "checkpoints"));
  if (!createFileDurably(runPath(folder), `${JSON.stringify(run, null, 2)}\n`)) throw usedFolder(folder);
}

/** Replaces run.json, under the run's lock. Errors: storage. */
export const writeRun = (folder: string, run: RunFile): void =>
  writeFileDurably(runPath(folder), `${JSON.stringify(run, null, 2)}\n`);

/** Looked at before any work is done. Errors: configuration, when a run stands there, or trains there now. */
export function refuseUsedFolder(folder: string): void {
  refuseLockedFolder(folder);
  if (existsSync(runPath(folder))) throw usedFolder(folder);
}

const usedFolder = (folder: string) =>
  new SelfsightError(
    "configuration",
    `pretrain: ${displayName(folder)} holds a run already; a new run needs a folder of its own; go on with \`selfsight pretrain --resume ${displayName(folder)}\` or choose another --out`,
  );

/** Errors: configuration, when the folder is no run's: nobody could go on with what is trained there. */
export function refuseNoRun(folder: string): void {
  if (existsSync(runPath(folder))) return;
  throw new SelfsightError(
    "configuration",
    `train: ${displayName(folder)} holds no run.json; the folder of a run is needed; make it with startRun, or with createRunFolder`,
  );
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
    return runFrom(JSON.parse(readRegularFile(path).toString("utf8")), path);
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw refusal(
      `${displayName(path)} is damaged (${reasonOf(cause)})`,
      "the run's settings are needed",
      "restore the file",
    );
  }
}

const runSchema = z.object({
  format: z.literal(1),
  settings: z.unknown(),
  command: z.string(),
  data: z.string(),
  versions: z.object({ selfsight: z.string(), node: z.string(), libtorch: z.string() }),
  fingerprint: z.string(),
  images: z.number().int().nonnegative(),
  created: z.string(),
  from: originSchema.optional(),
  extensions: z.array(extensionSchema).optional(),
});

function runFrom(value: unknown, path: string): RunFile {
  const { format } = fitted(z.object({ format: z.number() }), value);
  if (format > 1)
    throw refusal(
      `${displayName(path)} has format ${format}`,
      "this Selfsight reads format 1",
      "use the Selfsight that wrote it",
    );
  const run = fitted(runSchema, value);
  return { ...run, settings: parseSettings(run.settings) };
}

const reasonOf = (cause: unknown): string => (cause as Error).message.split("\n")[0]!;

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("checkpoint", `open run: ${given}; ${needed}; ${advice}`);
