// K classes, A ranges of areas, T overlap thresholds, R rows.  Metrics in float64, as pycocotools' COCOeval.
import type { DetectionSet, Detections } from "../../data/annotations/index.ts";
import { type CocoMatches, type CocoMatchOptions, cocoMatches } from "./coco-matches.ts";
import { areaRanges, mostDetections, overlapThresholds, recallThresholds } from "./coco-settings.ts";

/** COCO's twelve numbers, from 0 to 1; null where there is no object to find. */
export interface CocoNumbers {
  /** Mean average precision over overlaps 0.5 to 0.95 and classes. */
  AP: number | null;
  AP50: number | null;
  AP75: number | null;
  /** Of objects below 32² pixels. */
  APsmall: number | null;
  /** Of 32² to 96² pixels. */
  APmedium: number | null;
  APlarge: number | null;
  /** Mean recall over overlaps and classes with one detection a picture and class. */
  AR1: number | null;
  AR10: number | null;
  AR100: number | null;
  ARsmall: number | null;
  ARmedium: number | null;
  ARlarge: number | null;
}

/** Of one class. */
export interface CategoryScore {
  name: string;
  /** Objects to be found: crowds are none. */
  objects: number;
  AP: number | null;
  AP50: number | null;
}

export interface CocoScores extends CocoNumbers {
  /** One for each class; none where classes do not matter. */
  categories: CategoryScore[];
}

/**
 * COCO's average precisions and recalls of detections, for boxes or masks (arXiv 1405.0312; the numbers of pycocotools' COCOeval).
 *
 * Precision is read at 101 recalls, of the 100 surest detections of each class in each picture.
 *
 * @param detections of each picture of the set, in its order.
 * @throws CallError where the detections are not those of this set.
 */
export function cocoScores(
  set: DetectionSet,
  detections: readonly Detections[],
  options: CocoMatchOptions = {},
): CocoScores {
  return scoresOfMatches(set, cocoMatches(set, detections, options));
}

/**
 * The scores of what was matched before. `weights` says how often each picture counts, for resampling pictures; default once.
 */
export function scoresOfMatches(set: DetectionSet, matches: CocoMatches, weights?: ArrayLike<number>): CocoScores {
  const weightOf = weights ?? new Uint8Array(matches.images).fill(1);
  const ranges = areaRanges.map((_, range) => rangeScores(matches, range, weightOf));
  const [all, small, medium, large] = ranges as [RangeScores, RangeScores, RangeScores, RangeScores];
  return {
    AP: meanOf(all.precision),
    AP50: meanOf(all.precision.map((own) => own && [own[0]!])),
    AP75: meanOf(all.precision.map((own) => own && [own[5]!])),
    APsmall: meanOf(small.precision),
    APmedium: meanOf(medium.precision),
    APlarge: meanOf(large.precision),
    AR1: meanOf(all.recall[0]),
    AR10: meanOf(all.recall[1]),
    AR100: meanOf(all.recall[2]),
    ARsmall: meanOf(small.recall[2]),
    ARmedium: meanOf(medium.recall[2]),
    ARlarge: meanOf(large.recall[2]),
    categories: matches.classes === set.categories.length ? categoryScores(set, all) : [],
  };
}

const categoryScores = (set: DetectionSet, { precision, wanted }: RangeScores): CategoryScore[] =>
  set.categories.map(({ name }, place) => {
    const own = precision[place];
    return { name, objects: wanted[place]!, AP: meanOf([own]), AP50: own ? own[0]! : null };
  });

/** The mean over all classes that have objects, and thresholds. */
function meanOf(byClass: readonly (readonly number[] | undefined)[] | undefined): number | null {
  const values = (byClass ?? []).flatMap((own) => own ?? []);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Numbers of detections a picture and class that recall is given for. */
const recallSizes = [1, 10, mostDetections] as const;

/** Of one range of areas; undefined for classes without objects there. */
interface RangeScores {
  wanted: Float64Array; // [K]
  precision: (number[] | undefined)[]; // [K] of [T]
  recall: [ByClass, ByClass, ByClass]; // of `recallSizes`
}
type ByClass = (number[] | undefined)[];

function rangeScores(matches: CocoMatches, range: number, weights: ArrayLike<number>): RangeScores {
  const wanted = wantedByClass(matches, range, weights);
  const scores: RangeScores = { wanted, precision: [], recall: [[], [], []] };
  for (let category = 0; category < matches.classes; category++) {
    const ofThreshold = (read: (bit: number) => number) =>
      wanted[category] === 0 ? undefined : overlapThresholds.map((_, step) => read(1 << step));
    const slice = { matches, range, weights, category, wanted: wanted[category]! };
    scores.precision.push(ofThreshold((bit) => averagePrecision(slice, bit)));
    recallSizes.forEach((most, place) => {
      scores.recall[place]!.push(ofThreshold((bit) => recallOf(slice, bit, most)));
    });
  }
  return scores;
}

function wantedByClass({ classes, wanted }: CocoMatches, range: number, weights: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(classes);
  wanted.class.forEach((category, entry) => {
    counts[category]! += weights[wanted.image[entry]!]! * wanted.counts[range]![entry]!;
  });
  return counts;
}

/** The rows of a class, and what is counted in them. */
interface Slice {
  matches: CocoMatches;
  range: number;
  weights: ArrayLike<number>;
  category: number;
  wanted: number;
}

function recallOf({ matches, range, weights, category, wanted }: Slice, bit: number, most: number): number {
  const { firstRow, image, rank } = matches;
  const [found, ignored] = [matches.found[range]!, matches.ignored[range]!];
  let count = 0;
  for (let row = firstRow[category]!; row < firstRow[category + 1]!; row++)
    if (rank[row]! < most && found[row]! & ~ignored[row]! & bit) count += weights[image[row]!]!;
  return count / wanted;
}

/** Keeps the quotient of nothing by nothing finite, as in pycocotools. */
const epsilon = Number.EPSILON;

/** The mean over 101 recalls of the best precision from there on. */
function averagePrecision(slice: Slice, bit: number): number {
  const { precision, recall } = curve(slice, bit);
  for (let at = precision.length - 2; at >= 0; at--) precision[at] = Math.max(precision[at]!, precision[at + 1]!);
  let [sum, at] = [0, 0];
  for (const threshold of recallThresholds) {
    while (at < recall.length && recall[at]! < threshold) at++;
    sum += precision[at] ?? 0;
  }
  return sum / recallThresholds.length;
}

/** Precision and recall behind each detection that found something; between them recall stays and precision falls. */
function curve({ matches, range, weights, category, wanted }: Slice, bit: number) {
  const { firstRow, image } = matches;
  const [found, ignored] = [matches.found[range]!, matches.ignored[range]!];
  const [precision, recall]: [number[], number[]] = [[], []];
  let [right, wrong] = [0, 0];
  for (let row = firstRow[category]!; row < firstRow[category + 1]!; row++) {
    const weight = weights[image[row]!]!;
    if (ignored[row]! & bit || weight === 0) continue;
    if (!(found[row]! & bit)) wrong += weight;
    else {
      right += weight;
      precision.push(right / (right + wrong + epsilon));
      recall.push(right / wanted);
    }
  }
  return { precision, recall };
}
