// What a detector found in the pictures that it was measured on: as COCO's results, and as a page beside the annotations.
// D objects of a picture
import { join } from "node:path";
import sharp from "sharp";
import {
  cocoResults,
  type DetectionSet,
  type Detections,
  objectsOf,
  rasterised,
} from "../../data/annotations/index.ts";
import { decodeImage } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { writeFileDurably } from "../../files.ts";
import { drawDetections, type Group, galleryPage } from "../../report/index.ts";
import { version } from "../../version.ts";
import type { WrittenResults } from "./write-results.ts";

/** Pictures on the page, evenly spread over the set. */
const mostShown = 12;
/** Longer side of a picture on the page, in pixels. */
const longestSide = 480;
/** What is less sure is not drawn. */
const leastScore = 0.5;

/** Writes FOLDER/found.json, which `selfsight score` reads, and FOLDER/found.html. Errors: storage. */
export async function writeFoundObjects(
  folder: string,
  set: DetectionSet,
  detections: readonly Detections[],
): Promise<WrittenResults> {
  const written = { json: join(folder, "found.json"), page: join(folder, "found.html") };
  writeFileDurably(written.json, JSON.stringify(cocoResults(set, detections)));
  const groups = await Promise.all(spread(set.images.length).map((image) => groupOf(set, image, detections[image]!)));
  const count = detections.reduce((sum, { scores }) => sum + scores.filter((score) => score >= leastScore).length, 0);
  const page = galleryPage({
    title: "What was found, beside what is there",
    lead: `${count} objects were found in ${set.images.length} pictures of ${displayName(set.name)} with a score of ${leastScore} and more; their annotations name ${set.objects.classes.length}.`,
    method: [
      "Left what the detector found, with its scores; right what the annotations say. The detector of the last step is measured; no step or setting was chosen by these pictures.",
    ],
    sections: [{ title: `${groups.length} of the pictures`, groups }],
    facts: [
      ["Pictures", `${set.images.length} of ${displayName(set.name)}, part ${displayName(set.split)}`],
      ["Version", `Selfsight ${version}`],
    ],
    commands: [
      ["Find objects in other pictures:", `npx selfsight detect ${displayName(folder)} photo.jpg --out found/`],
    ],
  });
  writeFileDurably(written.page, page);
  return written;
}

const spread = (length: number): number[] =>
  Array.from({ length: Math.min(mostShown, length) }, (_, i) => Math.floor((i * length) / Math.min(mostShown, length)));

async function groupOf(set: DetectionSet, image: number, found: Detections): Promise<Group> {
  const names = set.categories.map(({ name }) => name);
  const drawings = [found, annotated(set, image)];
  const uris = await Promise.all(drawings.map((detections) => drawn(set.images[image]!.file, detections, names)));
  const tiles = ["found", "annotated"].map((name, i) => ({ uri: uris[i], name }));
  return { title: displayName(String(set.images[image]!.id)), isLarge: true, tiles };
}

/** What the annotations say, as if it had been found for sure. */
function annotated(set: DetectionSet, image: number): Detections {
  const { boxes, classes, mask } = objectsOf(set, image);
  const masks = Array.from(classes, (_, object) => mask(object));
  const size = set.images[image]!;
  const isMasked = masks.length > 0 && masks.every((own) => own !== undefined);
  return {
    boxes,
    classes,
    scores: new Float32Array(classes.length).fill(1), // [D]
    ...(isMasked && { masks: masks.map((own) => rasterised(own!, size)) }),
  };
}

/** Undefined where the picture cannot be read. */
async function drawn(file: string, detections: Detections, names: readonly string[]): Promise<string | undefined> {
  try {
    const picture = await decodeImage(file);
    const bytes = await drawDetections(picture, detections, names, { minScore: leastScore });
    const side = { width: longestSide, height: longestSide, fit: "inside", withoutEnlargement: true } as const;
    return `data:image/jpeg;base64,${(await sharp(bytes).resize(side).jpeg().toBuffer()).toString("base64")}`;
  } catch (error) {
    if (error instanceof SelfsightError && error.kind === "data") return undefined;
    throw error;
  }
}
