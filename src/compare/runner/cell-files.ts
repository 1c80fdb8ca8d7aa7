// What a cell leaves in its run folder beside the run: training.json when it is trained, result.json when it is measured,
// failure.json when it cannot go on. Each is whole or absent.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type ErrorKind, exitCodes } from "../../errors.ts";
import { makeFolder, removeQuietly, writeFileDurably } from "../../files.ts";

const trainingSchema = z.object({
  steps: z.number(),
  stepsPerEpoch: z.number(),
  /** Images of the training split. */
  images: z.number(),
  dataset: z.string(),
  fingerprint: z.string(),
  /** Names of the pictures that could not be decoded. */
  leftOut: z.array(z.string()).default([]),
  /** Those that are learned, of trunk and heads. */
  parameters: z.number(),
  device: z.string(),
  precision: z.string(),
  threads: z.number(),
  /** Median over the logged steps. */
  imagesPerSecond: z.number(),
  /** In steps, without evaluation; null in the files of older versions. */
  trainingSeconds: z.number().nullable().default(null),
  /** Largest resident memory of the cell's process while it trained. */
  peakMemoryBytes: z.number(),
  /** Of the last batch that the collapse watch looked at; null where it did not look. */
  health: z
    .object({
      step: z.number(),
      featureStd: z.number(),
      effectiveRank: z.number(),
      deadDimensions: z.number(),
      recognition: z.number().optional(),
    })
    .nullable(),
  /** What the collapse watch says at the end; null: all is well. */
  collapse: z.object({ kind: z.string(), sentence: z.string() }).nullable(),
});
export type CellTraining = z.output<typeof trainingSchema>;

const correlationSchema = z.object({ side: z.number(), values: z.array(z.number()) });
/** A corner [S, S] of the correlation matrix of two views' features, row after row. */
export type Correlation = z.output<typeof correlationSchema>;

const resultSchema = z.object({
  evaluationsHash: z.string(),
  evaluations: z.array(
    z.object({ protocol: z.string(), value: z.number(), std: z.number().nullable(), count: z.number() }),
  ),
  protocols: z.array(z.string()),
  /** Names of the pictures that could not be decoded while it was measured. */
  leftOut: z.array(z.string()).default([]),
  correlation: z.object({ start: correlationSchema, end: correlationSchema }).nullable(),
});
export type CellResult = z.output<typeof resultSchema>;

const failureSchema = z.object({ kind: z.enum(Object.keys(exitCodes) as [ErrorKind]), message: z.string() });
export type CellFailure = z.output<typeof failureSchema>;

/** Undefined where there is none, or none that can be read: the work is then done again. */
function readFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}

const writeFile = (path: string, value: unknown): void => writeFileDurably(path, `${JSON.stringify(value, null, 1)}\n`);

const trainingPath = (folder: string) => join(folder, "training.json");
const resultPath = (folder: string) => join(folder, "result.json");
const failurePath = (folder: string) => join(folder, "failure.json");

export const readTraining = (folder: string) => readFile(trainingPath(folder), trainingSchema);
export const writeTraining = (folder: string, training: CellTraining) => writeFile(trainingPath(folder), training);
export const readResult = (folder: string) => readFile(resultPath(folder), resultSchema);
export const readFailure = (folder: string) => readFile(failurePath(folder), failureSchema);

export function writeResult(folder: string, result: CellResult): void {
  writeFile(resultPath(folder), result);
  removeQuietly(failurePath(folder));
}

export function writeFailure(folder: string, failure: CellFailure): void {
  makeFolder(folder);
  writeFile(failurePath(folder), failure);
}
