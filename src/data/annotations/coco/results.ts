// COCO's file of results: an array of { image_id, category_id, bbox or segmentation, score }.
import { basename } from "node:path";
import { displayName, SelfsightError } from "../../../errors.ts";
import { compressedCounts } from "../../masks/compressed.ts";
import { maskBox, type RunLengths } from "../../masks/run-lengths.ts";
import type { Box } from "../boxes.ts";
import type { DetectionSet } from "../detection-set.ts";
import type { Detections } from "../detections.ts";
import { type Issue, IssueLog } from "../issues.ts";
import { rasterised } from "../stored-masks.ts";
import { readJsonElements } from "./json-elements.ts";
import { cocoMask } from "./segmentation.ts";

/** A file of results by picture. */
export interface ReadResults {
  /** Of each picture of the set, in its order. */
  detections: Detections[];
  /** Whether every result has a mask. */
  haveMasks: boolean;
  issues: Issue[];
}

interface Found {
  box: Box;
  boxArea: number;
  score: number;
  class: number;
  mask: RunLengths | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a file of results for the pictures of a set. Results of unknown pictures or categories, without a score or with a box or mask that is
 * none are left out, counted and named.
 *
 * @throws SelfsightError "data" for a file that is no such array, or none of whose results can be used.
 */
export function readCocoResults(path: string, set: DetectionSet): ReadResults {
  const issues = new IssueLog();
  const found = set.images.map(() => [] as Found[]);
  const reader = new ResultReader(path, set, issues);
  const keys = readJsonElements(path, [""], (_, element, place) => {
    const result = reader.read(element, place);
    if (result) found[result.image]!.push(result);
  });
  if (!keys.includes("")) throw reader.wrong("it is an object", "an array of results is needed");
  const count = found.reduce((sum, own) => sum + own.length, 0);
  if (count === 0 && reader.count > 0) throw reader.nothingUsed();
  const haveMasks = count > 0 && found.every((own) => own.every(({ mask }) => mask !== undefined));
  return { detections: found.map((own) => detectionsOf(own, haveMasks)), haveMasks, issues: issues.report() };
}

/** One detection in COCO's result format. */
export interface CocoResult {
  image_id: number | string;
  category_id: number;
  /** Left, top, width, height. */
  bbox: [number, number, number, number];
  score: number;
  segmentation?: { size: [height: number, width: number]; counts: string };
}

/** Detections of each picture of a set as COCO's file of results holds them. */
export const cocoResults = (set: DetectionSet, detections: readonly Detections[]): CocoResult[] =>
  detections.flatMap(({ boxes, scores, classes, masks }, image) =>
    Array.from(scores, (score, place): CocoResult => {
      const [left, top, right, bottom] = Array.from(boxes.subarray(4 * place, 4 * place + 4));
      return {
        image_id: set.images[image]!.id,
        category_id: set.categories[classes[place]!]!.id,
        bbox: [left!, top!, right! - left!, bottom! - top!],
        score,
        ...(masks && { segmentation: compressed(masks[place]!) }),
      };
    }),
  );

const compressed = ({ height, width, counts }: RunLengths): NonNullable<CocoResult["segmentation"]> => ({
  size: [height, width],
  counts: compressedCounts(counts),
});

function detectionsOf(found: readonly Found[], haveMasks: boolean): Detections {
  return {
    boxes: Float64Array.from(found.flatMap(({ box }) => box)),
    boxAreas: Float64Array.from(found, ({ boxArea }) => boxArea),
    scores: Float64Array.from(found, ({ score }) => score),
    classes: Int32Array.from(found, (result) => result.class),
    ...(haveMasks && { masks: found.map(({ mask }) => mask!) }),
  };
}

class ResultReader {
  readonly #path: string;
  readonly #set: DetectionSet;
  readonly #issues: IssueLog;
  readonly #imagePlace: ReadonlyMap<unknown, number>;
  readonly #classPlace: ReadonlyMap<unknown, number>;
  count = 0;

  constructor(path: string, set: DetectionSet, issues: IssueLog) {
    [this.#path, this.#set, this.#issues] = [path, set, issues];
    this.#imagePlace = new Map(set.images.map(({ id }, place) => [id, place]));
    this.#classPlace = new Map(set.categories.map(({ id }, place) => [id, place]));
  }

  read(element: unknown, place: number): (Found & { image: number }) | undefined {
    this.count++;
    const name = `${basename(this.#path)} [${place}]`;
    if (typeof element !== "object" || element === null || Array.isArray(element))
      throw this.wrong(`element ${place} is no object`, "each result is one");
    const { image_id, category_id, score, bbox, segmentation } = element as Fields;
    const image = this.#imagePlace.get(image_id);
    const category = this.#classPlace.get(category_id);
    if (image === undefined) this.#issues.add("unknown-image", `${name} (picture ${JSON.stringify(image_id)})`);
    else if (category === undefined)
      this.#issues.add("unknown-category", `${name} (category ${JSON.stringify(category_id)})`);
    else if (typeof score !== "number" || !Number.isFinite(score)) this.#issues.add("score-not-finite", name);
    else return this.#shaped({ image, class: category, score }, { bbox, segmentation }, name);
    return undefined;
  }

  #shaped(result: { image: number; class: number; score: number }, { bbox, segmentation }: Fields, name: string) {
    const size = this.#set.images[result.image]!;
    const stored = cocoMask(segmentation, size, { name, issues: this.#issues });
    const mask = stored && rasterised(stored, size);
    const given = Array.isArray(bbox) && bbox.length > 0 ? bbox : mask && maskBox(mask);
    const box = given && this.#box(given, name);
    if (!given) this.#issues.add("no-box", name);
    return box && { ...result, box, boxArea: (given[2] as number) * (given[3] as number), mask };
  }

  /** Results may be empty or lie outside: such a box finds nothing, and counts as wrong. */
  #box(given: readonly unknown[], name: string): Box | undefined {
    const [left, top, width, height] = given as number[];
    const isBox = given.length === 4 && given.every((value) => Number.isFinite(value));
    if (!isBox) this.#issues.add("box-not-finite", name);
    else if (width! < 0 || height! < 0) this.#issues.add("box-inverted", name);
    else return [left!, top!, left! + width!, top! + height!];
    return undefined;
  }

  wrong(found: string, needed: string): SelfsightError {
    return new SelfsightError(
      "data",
      `reading results ${displayName(this.#path)}: ${found}; ${needed}; see docs/evaluate.md`,
    );
  }

  nothingUsed(): SelfsightError {
    const reasons = this.#issues.report().map(({ what, count, first }) => `${what}: ${count} (${first[0]})`);
    return this.wrong(
      `none of its ${this.count} results can be used: ${reasons.join("; ")}`,
      "results for these annotations are needed",
    );
  }
}
