// N images, C categories
import { foldKey, keyedStream } from "../../random.ts";
import { type DetectionSet, objectsOf } from "./detection-set.ts";
import { chosenImages } from "./set-builder.ts";

/** Share of the pictures held out where the data name no parts. */
const heldShare = 0.2;
/** Keeps this split apart from other uses of a seed. */
const splitKey = 0x626f7865;

/**
 * The part of a set without parts: `train`, or the fifth of it that is held out (`val` and `test` alike). Pictures are sorted by the
 * rarest class that they show, then by key, and every fifth is held out, of two or more at least one. So every class gives about its
 * share. The choice depends on the pictures' ids, not on their order.
 */
export function keyedPart(set: DetectionSet, part: "train" | "held"): DetectionSet {
  const isHeld = heldPictures(set);
  const places = [...set.images.keys()].filter((place) => (isHeld[place] === 1) === (part === "held"));
  return chosenImages(set, places);
}

function heldPictures(set: DetectionSet): Uint8Array {
  const groups = [...picturesByRarestClass(set)].sort(([a], [b]) => a - b);
  const sorted = groups.flatMap(([category, places]) => inKeyedOrder(set, places, category));
  const heldBefore = (count: number) => Math.floor(heldShare * count + 0.5);
  const held = sorted.filter((_, turn) => heldBefore(turn + 1) > heldBefore(turn));
  const isHeld = new Uint8Array(sorted.length);
  for (const place of held.length > 0 ? held : sorted.slice(1, 2)) isHeld[place] = 1;
  return isHeld;
}

/** Places of pictures by the class of theirs that fewest pictures show; -1 of those without objects. */
function picturesByRarestClass(set: DetectionSet): Map<number, number[]> {
  const classes = set.images.map((_, image) => [...new Set(objectsOf(set, image).classes)]);
  const pictures = new Array<number>(set.categories.length).fill(0);
  for (const own of classes) for (const category of own) pictures[category]!++;
  const groups = new Map<number, number[]>();
  classes.forEach((own, place) => {
    const rarest = own.sort((a, b) => pictures[a]! - pictures[b]! || a - b)[0] ?? -1;
    const group = groups.get(rarest) ?? [];
    group.push(place);
    groups.set(rarest, group);
  });
  return groups;
}

function inKeyedOrder(set: DetectionSet, places: readonly number[], category: number): number[] {
  const drawn = places.map((place) => ({ place, number: keyedStream(splitKey, category, idKey(set, place))() }));
  return drawn.sort((a, b) => a.number - b.number || a.place - b.place).map(({ place }) => place);
}

function idKey(set: DetectionSet, place: number): number {
  const { id } = set.images[place]!;
  return foldKey(0, ...[...String(id)].map((character) => character.codePointAt(0)!));
}
