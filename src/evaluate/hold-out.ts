import { keyedPermutation } from "../random.ts";
import { type Features, featuresAt } from "./features.ts";

export interface HoldOut {
  /** Share of each class that is held out. Default 0.2. */
  share?: number;
  /** Default 0. */
  seed?: number;
}

/** Keeps hold-outs apart from other uses of the same seed. */
const holdOutKey = 0x686f6c64;

/** Places of each class, in order; the class is the place in the list. */
export function placesByClass(labels: Int32Array): number[][] {
  const places: number[][] = [];
  labels.forEach((label, place) => {
    places[label] ??= [];
    places[label].push(place);
  });
  return Array.from(places, (own) => own ?? []);
}

/**
 * A keyed share of every class held out: at least one of a class of two or more, none of a class of one. Both parts keep the
 * order of the whole.
 */
export function stratifiedHoldOut(labels: Int32Array, { share = 0.2, seed = 0 }: HoldOut = {}) {
  const isHeld = new Uint8Array(labels.length);
  for (const [label, places] of placesByClass(labels).entries()) {
    const count = places.length < 2 ? 0 : Math.max(1, Math.floor(share * places.length));
    const order = keyedPermutation(places.length, seed, holdOutKey, label);
    for (const turn of order.subarray(0, count)) isHeld[places[turn]!] = 1;
  }
  const all = Uint32Array.from(labels, (_, place) => place);
  return { kept: all.filter((place) => isHeld[place] === 0), held: all.filter((place) => isHeld[place] === 1) };
}

/** Labelled features of one set as bank and queries, for data that bring no test split. */
export function splitFeatures(features: Features & { labels: Int32Array }, options: HoldOut = {}) {
  const { kept, held } = stratifiedHoldOut(features.labels, options);
  return { bank: featuresAt(features, kept), queries: featuresAt(features, held) };
}
