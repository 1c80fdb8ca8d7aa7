// N pictures that are measured on
import type { DetectionSet, Detections } from "../../data/annotations/index.ts";
import { type CocoScores, cocoScores } from "../../evaluate/detection/coco.ts";
import { type VocScores, vocScores } from "../../evaluate/detection/voc.ts";
import { freeNetwork } from "../../nn/index.ts";
import { loadNewestCheckpoint } from "../../train/index.ts";
import { writeFoundObjects } from "../results/found-objects.ts";
import { PictureReader } from "./batches.ts";
import { findIn } from "./find.ts";
import { readDetector } from "./run-file.ts";
import { trainedDetector } from "./state.ts";

export interface Measured {
  boxes: CocoScores;
  masks?: CocoScores;
  /** The boxes by VOC's rules of 2007, and by those of 2010 and later. */
  voc: { elevenPoints: VocScores; area: VocScores };
  /** Pictures that could not be read: nothing was found in them. */
  unread: number;
}

export interface MeasureDetectorOptions {
  device: string;
  warn: (message: string) => void;
  /** Told after each picture how many are done. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Runs the trained detector of a folder over every picture of a set, and scores what it finds by COCO's and VOC's rules; found.json and found.html in its folder have it. */
export async function measureDetector(
  folder: string,
  set: DetectionSet,
  options: MeasureDetectorOptions,
): Promise<Measured> {
  const { detections, unread } = await detectionsIn(folder, set, options);
  const hasMasks = readDetector(folder).task === "segment";
  await writeFoundObjects(folder, set, detections);
  return {
    boxes: cocoScores(set, detections),
    ...(hasMasks && { masks: cocoScores(set, detections, { of: "masks" }) }),
    voc: { elevenPoints: vocScores(set, detections, { metric: "eleven-points" }), area: vocScores(set, detections) },
    unread,
  };
}

/** What is found in each picture, in the set's order; classes are the set's. */
export async function detectionsIn(
  folder: string,
  set: DetectionSet,
  { device, warn, onProgress }: MeasureDetectorOptions,
): Promise<{ detections: Detections[]; unread: number }> {
  const file = readDetector(folder);
  const network = trainedDetector(file, loadNewestCheckpoint(folder, warn), device);
  const reader = new PictureReader(set, file.settings.testShortSide, warn);
  const places = placesIn(set, file.classes);
  const detections: Detections[] = [];
  try {
    for (const [image, size] of set.images.entries()) {
      const raw = await reader.read(image);
      detections.push(raw ? ofSet(findIn(network, file, raw, device, size), places) : nothing(file.task === "segment"));
      onProgress?.(detections.length, set.images.length);
    }
    return { detections, unread: reader.unreadable.size };
  } finally {
    freeNetwork(network);
  }
}

/** The detector's classes among the set's, by name; -1 for one that the set does not have. */
const placesIn = ({ categories }: DetectionSet, classes: readonly string[]): number[] =>
  classes.map((name) => categories.findIndex((category) => category.name === name));

function ofSet({ boxes, scores, classes, masks }: Detections, places: readonly number[]): Detections {
  const known = [...classes.keys()].filter((i) => places[classes[i]!]! >= 0);
  return {
    boxes: Float32Array.from(known.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])),
    scores: Float32Array.from(known, (i) => scores[i]!),
    classes: Int32Array.from(known, (i) => places[classes[i]!]!),
    ...(masks && { masks: known.map((i) => masks[i]!) }),
  };
}

const nothing = (hasMasks: boolean): Detections => ({
  boxes: new Float32Array(),
  scores: new Float32Array(),
  classes: new Int32Array(),
  ...(hasMasks && { masks: [] }),
});
