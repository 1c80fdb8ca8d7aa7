// N images, K classes, A ranges of areas, T overlap thresholds, R rows: the detections of a class in an image
import { type DetectionSet, type Detections, objectsOf, rasterised } from "../../data/annotations/index.ts";
import { maskOverlaps } from "../../data/masks/overlap.ts";
import { maskArea } from "../../data/masks/run-lengths.ts";
import { checkDetections } from "./check.ts";
import { areaRanges, mostDetections, overlapThresholds } from "./coco-settings.ts";
import { areaAt, boxesAt, boxOverlaps } from "./overlaps.ts";

export interface CocoMatchOptions {
  /** What is laid over one another. Default "boxes". */
  of?: "boxes" | "masks";
  /** Whether a detection may belong to an object of any class. Default false. */
  classAgnostic?: boolean;
}

/** Which detections found an object, by class and there the surest first. */
export interface CocoMatches {
  classes: number; // K, or 1 where classes do not matter
  images: number; // N
  firstRow: Uint32Array; // [K + 1]
  image: Uint32Array; // [R]
  /** From 0, among the detections of its class in its image. */
  rank: Uint32Array; // [R]
  /** A bit for each threshold: whether an object was found. */
  found: readonly Uint16Array[]; // [A] of [R]
  /** A bit for each threshold: whether the detection counts for nothing (crowds, other areas). */
  ignored: readonly Uint16Array[]; // [A] of [R]
  /** Objects that are to be found, one entry for each class in an image. */
  wanted: { class: Uint32Array; image: Uint32Array; counts: readonly Uint32Array[] };
}

/**
 * Matches detections with objects as COCO's evaluation does: in each picture and class the 100 surest, the surest first, each with the
 * object of the largest overlap that none took before; crowds and objects of other areas are matched last and ignored.
 *
 * @param detections of each picture of the set, in its order.
 * @throws CallError where the detections are not those of this set.
 */
export function cocoMatches(
  set: DetectionSet,
  detections: readonly Detections[],
  { of = "boxes", classAgnostic = false }: CocoMatchOptions = {},
): CocoMatches {
  checkDetections(set, detections, of);
  const rows = new Rows();
  for (let image = 0; image < set.images.length; image++) {
    const scene = sceneOf(set, image, detections[image]!, of);
    for (const group of groupsOf(scene, classAgnostic)) addGroup(rows, image, scene, group);
  }
  return rows.laidOut(classAgnostic ? 1 : set.categories.length, set.images.length);
}

/** A picture with what it shows and what was found in it. */
interface Scene {
  of: "boxes" | "masks";
  found: Detections;
  foundAreas: Float64Array;
  objects: ReturnType<typeof objectsOf>;
  size: { height: number; width: number };
}

function sceneOf(set: DetectionSet, image: number, found: Detections, of: Scene["of"]): Scene {
  const objects = objectsOf(set, image);
  const foundAreas = Float64Array.from(found.scores, (_, row) =>
    of === "masks" ? maskArea(found.masks![row]!) : areaAt(found, row),
  );
  return { of, found, foundAreas, objects, size: set.images[image]! };
}

/** The places of one class in a picture. */
interface Group {
  class: number;
  /** Of detections, the surest first. */
  detections: number[];
  objects: number[];
}

function groupsOf({ found, objects }: Scene, classAgnostic: boolean): Group[] {
  const groups = new Map<number, Group>();
  const groupFor = (category: number): Group => {
    const group = groups.get(category) ?? { class: category, detections: [], objects: [] };
    groups.set(category, group);
    return group;
  };
  objects.classes.forEach((category, place) => {
    groupFor(classAgnostic ? 0 : category).objects.push(place);
  });
  found.classes.forEach((category, place) => {
    groupFor(classAgnostic ? 0 : category).detections.push(place);
  });
  for (const group of groups.values()) {
    group.objects.sort((a, b) => objects.classes[a]! - objects.classes[b]!);
    group.detections.sort((a, b) => found.classes[a]! - found.classes[b]!); // ties go by class, where classes do not matter
    group.detections = surest(group.detections, found.scores);
  }
  return [...groups.values()];
}

const surest = (places: number[], scores: ArrayLike<number>): number[] =>
  places.sort((a, b) => scores[b]! - scores[a]!).slice(0, mostDetections);

function addGroup(rows: Rows, image: number, scene: Scene, group: Group): void {
  const { objects, found, foundAreas } = scene;
  const overlaps = overlapsOf(scene, group);
  const areas = group.objects.map((place) => objects.areas[place]!);
  const isCrowd = group.objects.map((place) => objects.isCrowd[place] === 1);
  const matches = areaRanges.map(({ least, most }) => {
    const isOutside = (area: number) => area < least || area > most;
    const isIgnored = areas.map((area, place) => isCrowd[place]! || isOutside(area));
    const matched = matchGroup(overlaps, isCrowd, isIgnored, group.detections.length);
    group.detections.forEach((place, row) => {
      if (isOutside(foundAreas[place]!)) matched.ignored[row]! |= everyThreshold & ~matched.found[row]!;
    });
    return { ...matched, wanted: isIgnored.filter((ignored) => !ignored).length };
  });
  const scores = group.detections.map((place) => found.scores[place]!);
  rows.add(group.class, image, scores, matches);
}

const everyThreshold = (1 << overlapThresholds.length) - 1;

function overlapsOf({ of, found, objects, size }: Scene, group: Group): Float64Array {
  const crowds = Uint8Array.from(group.objects, (place) => objects.isCrowd[place]!);
  if (of === "boxes") return boxOverlaps(boxesAt(found, group.detections), boxesAt(objects, group.objects), crowds);
  const empty = { ...size, counts: Uint32Array.of(size.height * size.width) };
  const masks = group.objects.map((place) => {
    const mask = objects.mask(place);
    return mask ? rasterised(mask, size) : empty;
  });
  const foundMasks = group.detections.map((place) => found.masks![place]!);
  return maskOverlaps(foundMasks, masks, crowds);
}

interface Matched {
  found: Uint16Array;
  ignored: Uint16Array;
}

/** Overlaps [D, G] to bits of thresholds. Objects that are ignored are tried after the others. */
function matchGroup(overlaps: Float64Array, isCrowd: boolean[], isIgnored: boolean[], detections: number): Matched {
  const objects = isCrowd.length;
  const order = [...isIgnored.keys()].sort((a, b) => Number(isIgnored[a]) - Number(isIgnored[b]));
  const matched = { found: new Uint16Array(detections), ignored: new Uint16Array(detections) };
  const taken = new Uint16Array(objects); // a bit for each threshold
  for (let row = 0; row < detections; row++) {
    const own = overlaps.subarray(row * objects, (row + 1) * objects);
    const largest = own.reduce((most, overlap) => Math.max(most, overlap), 0);
    for (let step = 0; step < overlapThresholds.length && largest >= overlapThresholds[step]!; step++) {
      const object = bestObject(own, { order, isCrowd, isIgnored, taken, bit: 1 << step }, overlapThresholds[step]!);
      if (object < 0) continue;
      taken[object]! |= 1 << step;
      matched.found[row]! |= 1 << step;
      if (isIgnored[object]) matched.ignored[row]! |= 1 << step;
    }
  }
  return matched;
}

interface Candidates {
  order: readonly number[];
  isCrowd: readonly boolean[];
  isIgnored: readonly boolean[];
  taken: Uint16Array;
  bit: number;
}

/** The free object of the largest overlap, the last of equal ones; an ignored one only where no other fits. -1 where none does. */
function bestObject(
  overlaps: Float64Array,
  { order, isCrowd, isIgnored, taken, bit }: Candidates,
  least: number,
): number {
  let [best, most] = [-1, least];
  for (const object of order) {
    if (taken[object]! & bit && !isCrowd[object]) continue;
    if (best >= 0 && !isIgnored[best] && isIgnored[object]) break;
    if (overlaps[object]! < most) continue;
    [best, most] = [object, overlaps[object]!];
  }
  return best;
}

/** Collects the groups of all pictures and sorts their rows by class and score. */
class Rows {
  readonly #class: number[] = [];
  readonly #image: number[] = [];
  readonly #rank: number[] = [];
  readonly #score: number[] = [];
  readonly #found: number[][] = areaRanges.map(() => []);
  readonly #ignored: number[][] = areaRanges.map(() => []);
  readonly #wanted = { class: [] as number[], image: [] as number[], counts: areaRanges.map(() => [] as number[]) };

  add(category: number, image: number, scores: readonly number[], matches: readonly (Matched & { wanted: number })[]) {
    scores.forEach((score, rank) => {
      this.#class.push(category);
      this.#image.push(image);
      this.#rank.push(rank);
      this.#score.push(score);
    });
    matches.forEach(({ found, ignored, wanted }, range) => {
      this.#found[range]!.push(...found);
      this.#ignored[range]!.push(...ignored);
      this.#wanted.counts[range]!.push(wanted);
    });
    this.#wanted.class.push(category);
    this.#wanted.image.push(image);
  }

  laidOut(classes: number, images: number): CocoMatches {
    const [category, score] = [this.#class, this.#score];
    const order = Uint32Array.from(category.keys()).sort(
      (a, b) => category[a]! - category[b]! || score[b]! - score[a]! || a - b,
    );
    const firstRow = new Uint32Array(classes + 1);
    for (const place of category) firstRow[place + 1]!++;
    for (let place = 0; place < classes; place++) firstRow[place + 1]! += firstRow[place]!;
    const sorted = (values: readonly number[]) => Uint32Array.from(order, (row) => values[row]!);
    const bits = (values: readonly number[]) => Uint16Array.from(order, (row) => values[row]!);
    const { class: wantedClass, image, counts } = this.#wanted;
    return {
      classes,
      images,
      firstRow,
      image: sorted(this.#image),
      rank: sorted(this.#rank),
      found: this.#found.map(bits),
      ignored: this.#ignored.map(bits),
      wanted: {
        class: Uint32Array.from(wantedClass),
        image: Uint32Array.from(image),
        counts: counts.map((own) => Uint32Array.from(own)),
      },
    };
  }
}
