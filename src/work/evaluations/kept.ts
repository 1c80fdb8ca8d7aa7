// What `evaluate all` found, as it stands in evaluations.json.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Interval } from "../../evaluate/index.ts";
import { writeFileDurably } from "../../files.ts";

const intervalSchema = z.object({ level: z.number(), low: z.number(), high: z.number(), method: z.string() });

const foundSchema = z.looseObject({
  name: z.string(),
  data: z.string(),
  protocol: z.string(),
  value: z.number(),
  interval: intervalSchema.nullish(),
  notes: z.array(z.string()),
});

const evaluationsSchema = z.object({
  format: z.literal(1),
  source: z.string(),
  step: z.number().nullable(),
  created: z.string(),
  found: z.array(foundSchema),
  refused: z.array(z.object({ name: z.string(), data: z.string(), kind: z.string(), reason: z.string() })),
});

/** What one protocol found on one set; its other figures stand beside these. */
export interface FoundEvaluation {
  [figure: string]: unknown;
  /** The name on the command line, such as `few-shot`. */
  name: string;
  /** As it was asked for. */
  data: string;
  /** Name, version and what changes the figure. */
  protocol: string;
  /** A share in [0, 1]. */
  value: number;
  interval?: Interval | null | undefined;
  notes: string[];
}

/** All that was measured of one trunk, and what was not, with the reason. */
export interface Evaluations {
  format: 1;
  source: string;
  /** The step of the run that was measured; null where it is none. */
  step: number | null;
  /** When it was begun, ISO 8601. */
  created: string;
  found: FoundEvaluation[];
  refused: { name: string; data: string; kind: string; reason: string }[];
}

export const evaluationsPath = (folder: string): string => join(folder, "evaluations.json");

/** Errors: storage. */
export const writeEvaluations = (folder: string, evaluations: Evaluations): void =>
  writeFileDurably(evaluationsPath(folder), `${JSON.stringify(evaluations, null, 1)}\n`);

/** Undefined where there is none, or none that can be read: a report then goes without. */
export function readEvaluations(folder: string): Evaluations | undefined {
  const path = evaluationsPath(folder);
  if (!existsSync(path)) return undefined;
  try {
    return evaluationsSchema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}
