// N pictures that are measured on
import type { DetectionSet, Detections } from "../../data/annotations/index.ts";
import type { Detector } from "../../detect/index.ts";
import { byLeader, type Team } from "../../distributed/index.ts";
import { type CocoScores, cocoScores } from "../../evaluate/detection/coco.ts";
import { type VocScores, vocScores } from "../../evaluate/detection/voc.ts";
import { freeNetwork } from "../../nn/index.ts";
import { type Checkpoint, loadNewestCheckpoint } from "../../train/index.ts";
import { writeFoundObjects } from "../results/found-objects.ts";
import { PictureReader } from "./batches.ts";
import { findIn } from "./find.ts";
import { type DetectorFile, readDetector } from "./run-file.ts";
import { trainedDetector } from "./state.ts";
import { type FoundInPicture, foundTogether } from "./together/found.ts";
import { takeLeadersNetwork } from "./together/processes.ts";

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
  /** The processes that measure together; only the first one needs the folder. */
  team?: Team | undefined;
  warn: (message: string) => void;
  /** Told after each picture how many are done. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Runs the trained detector of a folder over every picture of a set, and scores what it finds by COCO's and VOC's rules; found.json and
 * found.html in its folder have it. Several processes share the pictures out; the first one scores.
 */
export async function measureDetector(
  folder: string,
  set: DetectionSet,
  options: MeasureDetectorOptions,
): Promise<Measured> {
  const { detections, unread, hasMasks } = await detectionsIn(folder, set, options);
  return byLeader(options.team, async () => {
    await writeFoundObjects(folder, set, detections);
    return {
      boxes: cocoScores(set, detections),
      ...(hasMasks && { masks: cocoScores(set, detections, { of: "masks" }) }),
      voc: { elevenPoints: vocScores(set, detections, { metric: "eleven-points" }), area: vocScores(set, detections) },
      unread,
    };
  });
}

interface FoundInSet {
  detections: Detections[];
  /** Pictures that could not be read. */
  unread: number;
  hasMasks: boolean;
}

/** What is found in each picture, in the set's order; classes are the set's. Of several processes the first one has it. */
async function detectionsIn(folder: string, set: DetectionSet, options: MeasureDetectorOptions): Promise<FoundInSet> {
  const { file, network } = await openTrained(folder, options);
  try {
    const all = await foundInAll(set, file, network, options);
    const hasMasks = file.task === "segment";
    const unread = all.filter((found) => found === undefined).length;
    return { detections: all.map((found) => found ?? nothing(hasMasks)), unread, hasMasks };
  } finally {
    freeNetwork(network);
  }
}

async function openTrained(folder: string, { device, warn, team }: MeasureDetectorOptions) {
  let checkpoint: Checkpoint | undefined;
  const file = await byLeader(team, () => {
    checkpoint = loadNewestCheckpoint(folder, warn);
    return readDetector(folder);
  });
  const network = trainedDetector(file, checkpoint, device);
  if (team) takeLeadersNetwork(network, team);
  return { file, network };
}

async function foundInAll(
  set: DetectionSet,
  file: DetectorFile,
  network: Detector,
  { device, warn, team, onProgress }: MeasureDetectorOptions,
): Promise<FoundInPicture[]> {
  const said: string[] = [];
  const reader = new PictureReader(set, file.settings.testShortSide, team ? (message) => said.push(message) : warn);
  const classes = placesIn(set, file.classes);
  const find = async (place: number): Promise<FoundInPicture> => {
    const raw = await reader.read(place);
    return raw && ofSet(findIn(network, file, raw, device, set.images[place]!), classes);
  };
  const { length } = set.images;
  if (team) return foundTogether(length, { team, find, takeWarnings: () => said.splice(0), warn, onProgress });
  const all: FoundInPicture[] = [];
  for (let place = 0; place < length; place++) {
    all.push(await find(place));
    onProgress?.(all.length, length);
  }
  return all;
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
