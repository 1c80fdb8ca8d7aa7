// N images, M objects, C categories, P parts of masks
import type { RunLengths } from "../masks/run-lengths.ts";
import type { Issue } from "./issues.ts";

/** A picture of a detection set. */
export interface DetectionImage {
  /** A number in COCO's files, the file's name without ending in VOC's. */
  id: number | string;
  /** Path of the picture. */
  file: string;
  width: number;
  height: number;
}

export interface Category {
  /** As in the file; of VOC, from 1 in the order of the names. */
  id: number;
  name: string;
}

/** What pictures show where: boxes, classes and, where there are some, masks, as flat arrays. `objectsOf` gives those of a picture. */
export interface DetectionSet {
  name: string;
  layout: "coco" | "voc";
  /** The part that was opened, as its layout names it. */
  split: string;
  images: readonly DetectionImage[]; // [N]
  categories: readonly Category[]; // [C]
  objects: ObjectTable;
  /** Where the objects of each picture begin, and behind the last one where they end. */
  firstObject: Uint32Array; // [N + 1]
  /** What was wrong in the annotations. */
  issues: readonly Issue[];
  /** SHA-256 over pictures' names and sizes, categories and objects. */
  fingerprint: string;
}

/** The objects of all pictures, in the order of the pictures. */
export interface ObjectTable {
  /** Left, top, right, bottom in pixels from the picture's corner; right and bottom are behind the last pixel. */
  boxes: Float64Array; // [M, 4]
  /** Places in `categories`. */
  classes: Int32Array; // [M]
  /** 1 where a crowd is marked as one object. */
  isCrowd: Uint8Array; // [M]
  /** 1 where VOC says that nobody is asked to find it. */
  isDifficult: Uint8Array; // [M]
  /** In pixels, as the file says, else of the mask, else of the box. */
  areas: Float64Array; // [M]
  /** Width times height as the file says them: of right and bottom they could be had to rounding only. */
  boxAreas: Float64Array; // [M]
  /** As in the file; NaN where it has none. */
  ids: Float64Array; // [M]
  masks?: MaskTable;
}

/** Masks as their files hold them: kind 0 none, 1 polygons (a part each), 2 run lengths (one part). */
export interface MaskTable {
  kinds: Uint8Array; // [M]
  firstPart: Uint32Array; // [M + 1]
  /** Where the numbers of each part begin, and behind which they end: they lie in the order of the file. */
  partStart: Uint32Array; // [P]
  partEnd: Uint32Array; // [P]
  /** Corners `x, y, …` or runs. */
  numbers: Float64Array;
}

/** A mask before it is rasterised. */
export type StoredMask = { polygons: Float64Array[] } | RunLengths;

/** The objects of one picture; the arrays are views. */
export interface ImageObjects extends Omit<ObjectTable, "masks"> {
  count: number;
  /** The mask of an object as its file holds it; undefined where it has none. */
  mask(object: number): StoredMask | undefined;
}

/** The objects of the picture at a place of `images`. */
export function objectsOf(set: DetectionSet, image: number): ImageObjects {
  const [first, end] = [set.firstObject[image]!, set.firstObject[image + 1]!];
  const { boxes, classes, isCrowd, isDifficult, areas, boxAreas, ids, masks } = set.objects;
  const { height, width } = set.images[image]!;
  return {
    count: end - first,
    boxes: boxes.subarray(4 * first, 4 * end),
    classes: classes.subarray(first, end),
    isCrowd: isCrowd.subarray(first, end),
    isDifficult: isDifficult.subarray(first, end),
    areas: areas.subarray(first, end),
    boxAreas: boxAreas.subarray(first, end),
    ids: ids.subarray(first, end),
    mask: (object) => (masks ? storedMask(masks, first + object, height, width) : undefined),
  };
}

function storedMask(masks: MaskTable, object: number, height: number, width: number): StoredMask | undefined {
  const kind = masks.kinds[object];
  if (kind === 0) return undefined;
  const [first, end] = [masks.firstPart[object]!, masks.firstPart[object + 1]!];
  const part = (at: number) => masks.numbers.subarray(masks.partStart[at]!, masks.partEnd[at]!);
  if (kind === 2) return { height, width, counts: Uint32Array.from(part(first)) };
  return { polygons: Array.from({ length: end - first }, (_, at) => part(first + at)) };
}
