// A run small enough to be cut at every step.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageArray } from "../src/data/dataset.ts";
import type { Dataset } from "../src/data/index.ts";
import { keyedStream } from "../src/random.ts";
import {
  createRunFolder,
  loadNewestCheckpoint,
  type PartialSettings,
  resolveSettings,
  type Settings,
  type TrainOptions,
  type TrainResult,
  train,
} from "../src/train/index.ts";
import type { PartialDetectionSettings } from "../src/work/detection/settings.ts";

/** 42 pictures of noise, 5 steps an epoch. */
export function tinyData(seed = 1, length = 42): Dataset {
  const next = keyedStream(seed);
  const pixels = Uint8Array.from({ length: length * 3 * 16 * 16 }, () => 256 * next());
  return imageArray({ name: "noise", pixels, channels: 3, height: 16, width: 16 });
}

export const tinySettings = (...layers: PartialSettings[]): Settings =>
  resolveSettings(
    {
      size: 16,
      width: 4,
      projector: "16-16",
      batchSize: 8,
      steps: 12,
      warmupEpochs: 1,
      optimizer: { name: "sgd", learningRate: 0.5 },
      knnEveryEpochs: 0,
      watchEverySteps: 4,
      device: "cpu",
    },
    ...layers,
  );

/** Settings of a detector whose step takes some hundredths of a second. */
export const tinyDetector = {
  learningRate: 0.02,
  shortSides: [32, 40],
  testShortSide: 32,
  longSide: 64,
  sampledAnchors: 16,
  sampledBoxes: 8,
  proposals: { training: [60, 20], testing: [60, 20] },
  preciseNormSteps: 2,
  logEverySteps: 1,
} satisfies PartialDetectionSettings;

/** Folders that are gone when the tests are done. */
export function scratchFolder() {
  const root = mkdtempSync(join(tmpdir(), "selfsight-test-"));
  let count = 0;
  return {
    next: () => join(root, `run-${++count}`),
    copyOf(folder: string) {
      const copy = join(root, `run-${++count}`);
      cpSync(folder, copy, { recursive: true });
      return copy;
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

export function newTinyRun(folder: string, settings: Settings, dataset = tinyData()): void {
  createRunFolder(folder, {
    format: 1,
    settings,
    command: "test",
    data: "noise",
    versions: { selfsight: "0", node: "0", libtorch: "0" },
    fingerprint: dataset.fingerprint,
    images: dataset.length,
    created: "2026-01-01T00:00:00.000Z",
  });
}

/** Starts a run, or goes on with one where there is a checkpoint. */
export function trainTiny(
  folder: string,
  settings: Settings,
  { dataset = tinyData(), resumes = false, ...rest }: Partial<TrainOptions> & { resumes?: boolean } = {},
): Promise<TrainResult> {
  const checkpoint = resumes ? loadNewestCheckpoint(folder, () => {}) : undefined;
  return train({ folder, settings, dataset, ...(checkpoint && { checkpoint }), ...rest });
}

/** SHA-256 of model and optimizer as the newest checkpoint holds them. */
export function bitsOf(folder: string): string {
  const { step, updates, files } = loadNewestCheckpoint(folder, () => {}).state;
  const hashes = Object.values(files).map(({ sha256 }) => sha256);
  return [step, updates, ...hashes].join(" ");
}

/** `isStopping` that is true after so many steps. */
export function stopAfter(steps: number): () => boolean {
  let left = steps;
  return () => --left <= 0;
}
