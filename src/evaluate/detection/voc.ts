// N images, C classes, R rows: the detections of a class.  Metrics in float64.
import { type DetectionSet, type Detections, objectsOf } from "../../data/annotations/index.ts";
import { checkDetections } from "./check.ts";
import { overlapThresholds } from "./coco-settings.ts";
import { boxesAt, boxOverlaps } from "./overlaps.ts";

/** How precision and recall become one number: mean at eleven recalls (VOC 2007), or area under the curve (VOC 2010 and later). */
export type VocMetric = "eleven-points" | "area";

export interface VocOptions {
  /** Default "area". */
  metric?: VocMetric;
}

/** VOC's average precisions, from 0 to 1; null where there is no object to find. */
export interface VocScores {
  metric: VocMetric;
  /** Mean over overlaps 0.5 to 0.95 in steps of 0.05, and classes: what detection papers call AP on VOC. */
  AP: number | null;
  /** Mean over classes at an overlap of 0.5: VOC's own number. */
  AP50: number | null;
  AP75: number | null;
  categories: VocCategoryScore[];
}

export interface VocCategoryScore {
  name: string;
  /** Objects to be found: difficult ones are none. */
  objects: number;
  AP50: number | null;
}

/**
 * PASCAL VOC's average precision of boxes (Everingham et al. 2010, section 4.4).
 *
 * Detections of a class are taken the surest first. One is right when its overlap with the object that it covers best exceeds the threshold
 * and none found that object before; else it is wrong, a second one of the same object too. Objects that are difficult, or crowds, count for
 * nothing: neither to be found nor as found.
 *
 * @param detections of each picture of the set, in its order.
 * @throws CallError where the detections are not those of this set.
 */
export function vocScores(
  set: DetectionSet,
  detections: readonly Detections[],
  { metric = "area" }: VocOptions = {},
): VocScores {
  checkDetections(set, detections, "boxes");
  const byClass = set.categories.map((_, category) => classScores(set, detections, category, metric));
  const at = (step: number) => meanOf(byClass.map((own) => own.precisions?.[step]));
  return {
    metric,
    AP: meanOf(byClass.flatMap(({ precisions }) => precisions ?? [])),
    AP50: at(0),
    AP75: at(5),
    categories: byClass.map(({ objects, precisions }, place) => ({
      name: set.categories[place]!.name,
      objects,
      AP50: precisions?.[0] ?? null,
    })),
  };
}

function meanOf(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** A detection: how sure, and the object that it covers best, counted through all pictures. */
interface Row {
  score: number;
  overlap: number;
  object: number;
}

function classScores(set: DetectionSet, detections: readonly Detections[], category: number, metric: VocMetric) {
  const { rows, isPassedOver } = rowsOf(set, detections, category);
  const objects = isPassedOver.filter((isOver) => !isOver).length;
  if (objects === 0) return { objects, precisions: undefined };
  const precisions = overlapThresholds.map((threshold) => {
    const curve = curveAt(rows, isPassedOver, threshold, objects);
    return metric === "area" ? areaUnder(curve) : elevenPoints(curve);
  });
  return { objects, precisions };
}

/** The detections of a class, the surest first, and which of its objects count for nothing. */
function rowsOf(set: DetectionSet, detections: readonly Detections[], category: number) {
  const rows: Row[] = [];
  const isPassedOver: boolean[] = [];
  set.images.forEach((_, image) => {
    const shown = objectsOf(set, image);
    const { classes, isDifficult, isCrowd } = shown;
    const objects = [...classes.keys()].filter((place) => classes[place] === category);
    const found = detections[image]!;
    const places = [...found.classes.keys()].filter((place) => found.classes[place] === category);
    const overlaps = boxOverlaps(boxesAt(found, places), boxesAt(shown, objects), new Uint8Array(objects.length));
    places.forEach((place, row) => {
      const best = largest(overlaps.subarray(row * objects.length, (row + 1) * objects.length));
      rows.push({ score: found.scores[place]!, overlap: best.overlap, object: isPassedOver.length + best.place });
    });
    isPassedOver.push(...objects.map((place) => isDifficult[place] === 1 || isCrowd[place] === 1));
  });
  return { rows: rows.sort((a, b) => b.score - a.score), isPassedOver };
}

/** The first of the largest. */
function largest(overlaps: Float64Array): { overlap: number; place: number } {
  let place = 0;
  for (let other = 1; other < overlaps.length; other++) if (overlaps[other]! > overlaps[place]!) place = other;
  return { overlap: overlaps[place] ?? 0, place };
}

interface Curve {
  precision: number[];
  recall: number[];
}

/** Precision and recall behind each detection that counts. */
function curveAt(rows: readonly Row[], isPassedOver: readonly boolean[], threshold: number, objects: number): Curve {
  const curve: Curve = { precision: [], recall: [] };
  const isFound = new Uint8Array(isPassedOver.length);
  let [right, wrong] = [0, 0];
  for (const { overlap, object } of rows) {
    const covers = overlap > threshold;
    if (covers && isPassedOver[object]) continue;
    if (covers && isFound[object] === 0) right++;
    else wrong++;
    if (covers) isFound[object] = 1;
    curve.precision.push(right / (right + wrong));
    curve.recall.push(right / objects);
  }
  return curve;
}

/** The mean of the best precision at recalls of at least 0, 0.1, ..., 1. */
function elevenPoints({ precision, recall }: Curve): number {
  let sum = 0;
  for (let step = 0; step <= 10; step++)
    sum += precision.reduce((best, value, at) => (recall[at]! >= step * 0.1 ? Math.max(best, value) : best), 0);
  return sum / 11;
}

/** The area under precision, made never to rise again, over recall. */
function areaUnder({ precision, recall }: Curve): number {
  let [area, best] = [0, 0];
  for (let at = precision.length - 1; at >= 0; at--) {
    best = Math.max(best, precision[at]!);
    area += best * (recall[at]! - (recall[at - 1] ?? 0));
  }
  return area;
}
