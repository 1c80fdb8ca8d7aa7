// A trained detector put to use on pictures.
import { existsSync, readdirSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { z } from "zod";
import type { Detections } from "../../data/annotations/index.ts";
import { decodeImage, type RawImage } from "../../data/index.ts";
import { compressedCounts } from "../../data/masks/compressed.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { freeNetwork } from "../../nn/index.ts";
import { drawDetections } from "../../report/index.ts";
import { chosenDevice, loadNewestCheckpoint, refuseUnfit } from "../../train/index.ts";
import { warnThroughNode } from "../warnings.ts";
import { findIn } from "./find.ts";
import { type DetectorFile, isDetector, readDetector } from "./run-file.ts";
import { trainedDetector } from "./state.ts";

export interface DetectOptions {
  /** Less sure ones are not reported, from 0 to 1. Default 0.5. */
  threshold?: number | undefined;
  /** A folder for detections.json and for each picture with what was found drawn onto it. Default: none is written. */
  out?: string | undefined;
  /** Default "auto". */
  device?: string | undefined;
  /** Told of pictures that cannot be read, and of damaged checkpoints. Default: Node's warnings. */
  warn?: ((message: string) => void) | undefined;
}

/** One object in a picture. */
export interface DetectedObject {
  class: string;
  score: number;
  /** Left, top, right, bottom in pixels of the picture, upright. */
  box: [number, number, number, number];
  /** COCO's compressed run lengths, of a detector that draws masks. */
  mask?: { size: [height: number, width: number]; counts: string };
}

/** What was found in a picture. */
export interface DetectedPicture {
  file: string;
  width: number;
  height: number;
  /** The surest first. */
  objects: DetectedObject[];
  /** The picture with the objects drawn onto it, where that was asked for. */
  drawn?: string;
}

/** What a detector found in pictures. */
export interface DetectedPictures {
  detector: { folder: string; task: "detect" | "segment"; classes: string[]; step: number };
  threshold: number;
  pictures: DetectedPicture[];
  /** Pictures that could not be read, with the reason. */
  unread: { file: string; reason: string }[];
  /** The JSON file, where one was asked for. */
  written?: string;
}

const asked = z.looseObject({
  source: z.string(),
  images: z.array(z.string()).min(1, "at least one picture is needed"),
  threshold: z.number().min(0).max(1),
});

/**
 * Finds objects in pictures by a detector that `evaluate detect` or `evaluate segment` trained. Pictures that cannot be read are named
 * and passed over.
 *
 * @throws SelfsightError "checkpoint" for a folder that is no detector's, "data" when none of the pictures can be read.
 */
export async function detectPictures(
  source: string,
  images: readonly string[],
  options: DetectOptions = {},
): Promise<DetectedPictures> {
  const { threshold = 0.5, out, warn = warnThroughNode } = options;
  refuseUnfit("detect", asked, { source, images, threshold });
  const device = chosenDevice(options.device ?? "auto");
  const folder = detectorFolder(source, warn);
  const file = readDetector(folder);
  const checkpoint = loadNewestCheckpoint(folder, warn);
  const network = trainedDetector(file, checkpoint, device);
  const result: DetectedPictures = {
    detector: { folder, task: file.task, classes: [...file.classes], step: checkpoint.state.step },
    threshold,
    pictures: [],
    unread: [],
  };
  if (out !== undefined) makeFolder(out);
  try {
    for (const image of images) {
      const raw = await readOrName(image, result, warn);
      if (!raw) continue;
      const found = sure(findIn(network, file, raw, device), threshold);
      const drawn = out === undefined ? undefined : await draw(out, image, raw, found, file, result.pictures.length);
      result.pictures.push(pictureOf(image, raw, found, file, drawn));
    }
  } finally {
    freeNetwork(network);
  }
  if (result.pictures.length === 0) throw nothingRead(images.length);
  return out === undefined ? result : { ...result, written: write(out, result) };
}

/** The folder itself, or the first of a detector with several seeds. */
function detectorFolder(source: string, warn: (message: string) => void): string {
  if (isDetector(source)) return source;
  const first = seedsIn(source)[0];
  if (first === undefined) {
    readDetector(source); // says what is missing
    return source;
  }
  warn(`detect: ${displayName(source)} holds several detectors; ${basename(first)} is used`);
  return first;
}

function seedsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^seed-\d+$/.test(name));
  return names
    .sort()
    .map((name) => join(folder, name))
    .filter(isDetector);
}

async function readOrName(
  file: string,
  { unread }: DetectedPictures,
  warn: (message: string) => void,
): Promise<RawImage | undefined> {
  try {
    return await decodeImage(file);
  } catch (error) {
    if (!(error instanceof SelfsightError) || error.kind !== "data") throw error;
    unread.push({ file, reason: error.message });
    warn(error.message);
    return undefined;
  }
}

const nothingRead = (count: number) =>
  new SelfsightError("data", `detect: none of the ${count} pictures can be read; a picture is needed; check the files`);

function sure({ boxes, scores, classes, masks }: Detections, threshold: number): Detections {
  const places = [...scores.keys()].filter((i) => scores[i]! >= threshold);
  return {
    boxes: Float32Array.from(places.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])),
    scores: Float32Array.from(places, (i) => scores[i]!),
    classes: Int32Array.from(places, (i) => classes[i]!),
    ...(masks && { masks: places.map((i) => masks[i]!) }),
  };
}

function pictureOf(
  file: string,
  { width, height }: RawImage,
  found: Detections,
  { classes }: DetectorFile,
  drawn: string | undefined,
): DetectedPicture {
  const objects = Array.from(found.scores, (score, i): DetectedObject => {
    const mask = found.masks?.[i];
    return {
      class: classes[found.classes[i]!]!,
      score: rounded(score, 4),
      box: Array.from(found.boxes.subarray(4 * i, 4 * i + 4), (edge) => rounded(edge, 2)) as DetectedObject["box"],
      ...(mask && { mask: { size: [mask.height, mask.width], counts: compressedCounts(mask.counts) } }),
    };
  });
  return { file, width, height, objects, ...(drawn !== undefined && { drawn }) };
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** NUMBER-NAME.jpg: two pictures of one name stay two. */
async function draw(
  out: string,
  image: string,
  raw: RawImage,
  found: Detections,
  { classes }: DetectorFile,
  number: number,
): Promise<string> {
  const path = join(out, `${String(number + 1).padStart(4, "0")}-${basename(image, extname(image))}.jpg`);
  writeFileDurably(path, [await drawDetections(raw, found, classes, { minScore: 0 })]);
  return path;
}

function write(out: string, result: DetectedPictures): string {
  const path = join(out, "detections.json");
  writeFileDurably(path, `${JSON.stringify(result, null, 1)}\n`);
  return path;
}
