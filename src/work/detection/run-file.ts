// What a detector's folder says of it: detector.json, beside the log and the checkpoints that every run has.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { displayName, SelfsightError } from "../../errors.ts";
import { createFileDurably, makeFolder, readRegularFile } from "../../files.ts";
import { backboneNames, stems } from "../../nn/index.ts";
import { type DetectionSettings, detectionSettingsSchema } from "./settings.ts";
import type { TrunkFacts } from "./trunk.ts";

const channels = z.tuple([z.number(), z.number(), z.number()]);

const detectorSchema = z.object({
  format: z.literal(1),
  task: z.enum(["detect", "segment"]),
  schedule: z.string(),
  settings: detectionSettingsSchema,
  trunk: z.object({
    source: z.string(),
    backbone: z.enum(backboneNames),
    stem: z.enum(stems),
    width: z.number().int().positive(),
    normalize: z.object({ mean: channels, std: channels }),
  }),
  /** Names of the classes, in the order of their numbers, without the background. */
  classes: z.array(z.string()).min(1),
  data: z.string(),
  split: z.string(),
  images: z.number().int().positive(),
  fingerprint: z.string(),
  precision: z.enum(["bf16", "fp32"]),
  created: z.string(),
});

/** What a detector is and what it learns from. */
export type DetectorFile = z.infer<typeof detectorSchema>;

const pathOf = (folder: string): string => join(folder, "detector.json");

export const isDetector = (folder: string): boolean => existsSync(pathOf(folder));

/** Errors: storage. */
export function createDetectorFolder(folder: string, file: DetectorFile): void {
  makeFolder(join(folder, "checkpoints"));
  if (!createFileDurably(pathOf(folder), `${JSON.stringify(file, null, 2)}\n`))
    throw new SelfsightError(
      "configuration",
      `evaluate: ${displayName(folder)} was taken by another process; a folder of its own is needed; choose another --out`,
    );
}

/** Errors: checkpoint, when there is none or it is damaged. */
export function readDetector(folder: string): DetectorFile {
  const path = pathOf(folder);
  if (!existsSync(path))
    throw refusal(
      `no detector.json in ${displayName(folder)}`,
      "give the folder that `selfsight evaluate detect --out` named",
    );
  const parsed = detectorSchema.safeParse(jsonIn(path));
  if (parsed.success) return parsed.data;
  throw refusal(
    `${displayName(path)} is damaged (${parsed.error.issues[0]!.path.join(".") || "no JSON"})`,
    "restore the file",
  );
}

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(readRegularFile(path).toString("utf8"));
  } catch {
    return undefined;
  }
}

const refusal = (given: string, advice: string) =>
  new SelfsightError("checkpoint", `open detector: ${given}; the folder of a detector's run is needed; ${advice}`);

/** How often it saves and speaks leaves the result as it is. */
const free: readonly (keyof DetectionSettings)[] = ["checkpointEverySteps", "logEverySteps"];

/** A short hash of all that shapes the result; a checkpoint carries it. */
export function detectorHash({ task, settings, trunk, classes, precision }: DetectorFile): string {
  const shaping = Object.entries(settings).filter(([key]) => !free.some((name) => name === key));
  const { source: _, ...network } = trunk satisfies TrunkFacts;
  const text = JSON.stringify({ task, shaping, network, classes, precision });
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** What of two detectors differs, in words; empty where going on with one is going on with the other. */
export function differencesOf(stored: DetectorFile, wanted: DetectorFile): string[] {
  const changed = (name: string, a: unknown, b: unknown) =>
    JSON.stringify(a) === JSON.stringify(b) ? [] : [`${name} ${JSON.stringify(a)} -> ${JSON.stringify(b)}`];
  const keys = Object.keys(stored.settings) as (keyof DetectionSettings)[];
  return [
    ...(["task", "trunk", "classes", "fingerprint", "precision"] as const).flatMap((key) =>
      changed(key, stored[key], wanted[key]),
    ),
    ...keys
      .filter((key) => !free.includes(key))
      .flatMap((key) => changed(key, stored.settings[key], wanted.settings[key])),
  ];
}
