import type { DetectionSet, Detections } from "../../data/annotations/index.ts";
import { CallError } from "../../errors.ts";

/** Errors: configuration, for detections that are not those of this set: a program's fault, said before anything is counted. */
export function checkDetections(set: DetectionSet, detections: readonly Detections[], of: "boxes" | "masks"): void {
  if (detections.length !== set.images.length)
    throw wrong(`detections of ${detections.length} pictures`, `one entry for each of the set's ${set.images.length}`);
  detections.forEach((found, image) => {
    const fault = faultOf(found, set, image, of);
    if (fault) throw wrong(`${fault.found} in picture ${set.images[image]!.id}`, fault.needed);
  });
}

interface Fault {
  found: string;
  needed: string;
}

function faultOf(found: Detections, set: DetectionSet, image: number, of: "boxes" | "masks"): Fault | undefined {
  const { boxes, scores, classes, masks } = found;
  const [count, C] = [scores.length, set.categories.length];
  if (boxes.length !== 4 * count || classes.length !== count)
    return {
      found: `${boxes.length} sides and ${classes.length} classes`,
      needed: `${4 * count} and ${count} for ${count} scores`,
    };
  if (!scores.every(Number.isFinite)) return { found: "a score that is no number", needed: "finite ones" };
  if (!boxes.every(Number.isFinite)) return { found: "a box with a side that is no number", needed: "finite ones" };
  const strange = classes.find((place) => !(place >= 0 && place < C));
  if (strange !== undefined) return { found: `class ${strange}`, needed: `places in the set's ${C} categories` };
  if (of === "boxes") return undefined;
  if (masks?.length !== count) return { found: `${masks?.length ?? 0} masks`, needed: `${count}` };
  const { height, width } = set.images[image]!;
  const other = masks.find((mask) => mask.height !== height || mask.width !== width);
  return (
    other && { found: `a mask of ${other.width}x${other.height}`, needed: `${width}x${height}, the picture's size` }
  );
}

const wrong = (found: string, needed: string) =>
  new CallError(`scoring detections: ${found}; needed: ${needed}; check the call`);
