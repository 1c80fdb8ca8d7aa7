// What a run's folder holds for the eye: observations of the objective, a map of pictures, views. What does not fit its shape is left out.
import { statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Observations } from "../answers.ts";
import { objectFrom, readInside, readObject } from "./open-inside.ts";

const count = z.number().int().nonnegative();
const numbers = (most: number) => z.array(z.number().nullable()).max(most);
const text = z.string().max(400);

const indexSchema = z.object({
  everySteps: z.number(),
  method: text,
  dimensions: count,
  bins: count.max(256),
  orders: z.array(z.object({ id: count, step: count, features: z.array(count).max(2048) })).max(16),
  histograms: z
    .object({ std: numbers(2), similarities: numbers(2) })
    .partial()
    .optional(),
  changeable: z.array(text).max(200).optional(),
});

const stepSchema = z.object({
  step: count,
  epoch: z.number().nullish(),
  order: count.nullish(),
  rows: count.nullish(),
  matrix: z.string().max(90_000).nullish(),
  diagonal: z.string().max(400).nullish(),
  ...{ meanDiagonal: z.number().nullish(), rmsOffDiagonal: z.number().nullish() },
  largestOffDiagonal: z.number().nullish(),
  spectrum: numbers(256).nullish(),
  ...{ effectiveRank: z.number().nullish(), dead: z.number().nullish() },
  stds: numbers(256).nullish(),
  similarities: z.object({ positives: numbers(256), negatives: numbers(256) }).nullish(),
  prototypes: z.object({ used: numbers(256), perplexity: z.number().nullable(), count: z.number() }).nullish(),
  ...{ memoryBytes: z.number().nullish(), seconds: z.number().nullish(), share: z.number().nullish() },
});

const mapSchema = z.object({
  step: count,
  epoch: z.number().nullish(),
  points: z.string().max(1 << 20),
  scale: z.number(),
  explained: z.number().nullish(),
  neighbours: z.array(z.array(count).max(64)).max(256).nullish(),
});

const sampleSchema = z.object({
  length: count.max(65_536),
  indices: z.array(count).max(65_536),
  names: z.array(z.string().max(4096)).max(65_536).nullish(),
  labels: z.array(z.number().nullable()).max(65_536).nullish(),
  classes: z.array(text).max(65_536).nullish(),
  queries: z.array(count).max(256),
  ...{ tile: count.max(512), columns: count.max(4096) },
});

const viewsSchema = z.object({
  ...{ step: count, epoch: z.number().nullish() },
  indices: z.array(count).max(256),
  ...{ views: count.max(64), tile: count.max(512), columns: count.max(4096) },
});

const names = ["index.json", "steps.jsonl", "map.jsonl", "sample.json", "views.json", "sample.webp", "views.webp"];
const mostBytes = 16 << 20;
const mostLines = 512;

/** Another text whenever one of the files has changed. */
export const observationsStamp = (folder: string): string => names.map((name) => stampOf(folder, name)).join(" ");

function stampOf(folder: string, name: string): string {
  const stats = statSync(join(folder, "observations", name), { throwIfNoEntry: false });
  return stats ? `${stats.size}:${Math.round(stats.mtimeMs)}` : "";
}

/** The last read ones are kept: a thousand listeners ask for the same. */
const kept = new Map<string, { stamp: string; read: Observations }>();
const mostKept = 8;

/** What the folder holds now. */
export function observationsOf(folder: string): Observations {
  const stamp = observationsStamp(folder);
  const before = kept.get(folder);
  const read = before?.stamp === stamp ? before.read : readAll(folder);
  kept.delete(folder);
  kept.set(folder, { stamp, read });
  for (const oldest of kept.keys()) if (kept.size > mostKept) kept.delete(oldest);
  return read;
}

const readAll = (folder: string): Observations => ({
  index: fitting(indexSchema, objectAt(folder, "index.json")),
  steps: linesOf(folder, "steps.jsonl", stepSchema),
  map: linesOf(folder, "map.jsonl", mapSchema),
  sample: fitting(sampleSchema, objectAt(folder, "sample.json")),
  views: fitting(viewsSchema, objectAt(folder, "views.json")),
});

const objectAt = (folder: string, name: string) => readObject(folder, join("observations", name), mostBytes);

function linesOf<Schema extends z.ZodType>(folder: string, name: string, schema: Schema): z.output<Schema>[] {
  const lines = readInside(folder, join("observations", name), mostBytes)?.toString("utf8").split("\n") ?? [];
  return lines.slice(-mostLines).flatMap((line) => fitting(schema, objectFrom(line)) ?? []);
}

const fitting = <Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | null =>
  schema.safeParse(value).data ?? null;

/** A sheet of pictures, or undefined where it is none. */
export function sheetOf(folder: string, name: "sample" | "views"): Buffer | undefined {
  const bytes = readInside(folder, join("observations", `${name}.webp`), mostBytes);
  return bytes?.subarray(8, 12).toString("latin1") === "WEBP" ? bytes : undefined;
}
