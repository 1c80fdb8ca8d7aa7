// The pictures that a detector learns from, and those that it is measured on.
import { chosenImages, type DetectionSet, describeIssue, openDetectionSet } from "../../data/annotations/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { usablePictures } from "./batches.ts";

export interface DetectionSets {
  train: DetectionSet;
  test: DetectionSet;
  notes: string[];
}

export interface DetectionSetsOptions {
  /** What is measured on; of `train` the pictures that were learned from. */
  split: "train" | "test" | "val";
  limit?: number | undefined;
  withMasks: boolean;
  warn: (message: string) => void;
}

/** Errors: data, where there is nothing to learn or nothing to measure on. */
export async function openDetectionSets(
  data: string,
  { split, limit, withMasks, warn }: DetectionSetsOptions,
): Promise<DetectionSets> {
  const train = limited(await openDetectionSet(data, { split: "train" }), limit);
  const test = split === "train" ? train : limited(await openDetectionSet(data, { split }), limit);
  for (const set of new Set([train, test])) for (const issue of set.issues) warn(describeIssue(issue));
  refuseEmpty(train, "learn from", withMasks);
  refuseEmpty(test, "measure on", withMasks);
  return { train, test, notes: split === "train" ? ["measured on the pictures that it learned from"] : [] };
}

/** The first pictures of a set. */
const limited = (set: DetectionSet, limit: number | undefined): DetectionSet =>
  limit === undefined || set.images.length <= limit
    ? set
    : chosenImages(
        set,
        Array.from({ length: limit }, (_, i) => i),
      );

function refuseEmpty(set: DetectionSet, purpose: string, withMasks: boolean): void {
  if (usablePictures(set, withMasks).length > 0) return;
  const what = withMasks ? "a mask" : "a box";
  throw new SelfsightError(
    "data",
    `detection: none of the ${set.images.length} pictures of ${displayName(set.name)} (${set.split}) has an object with ${what} to ${purpose}; pictures with objects are needed (crowds do not count); check the annotations`,
  );
}
