// N pictures, k candidates of each, P pairs
import type { Dataset } from "../../data/index.ts";
import { CallError } from "../../errors.ts";
import { nearestNeighbours } from "../../evaluate/index.ts";
import type { OpenWork, WorkOptions } from "../open-work.ts";
import { pictureName } from "../pictures.ts";
import { alignments } from "./alignment.ts";
import { type Calibration, calibrate } from "./calibration.ts";
import { equalBytes, equalPixels } from "./exact.ts";
import { Links } from "./groups.ts";
import { mirrorBlind, type SeenPictures, seePictures } from "./pictures-seen.ts";

export interface DuplicateOptions extends WorkOptions {
  /** Score from which two pictures count as one, 0 to 1. Default: set by the pictures' own copies, see `Calibration`. */
  threshold?: number | undefined;
  /** Nearest pictures in features that each is compared with by pixels. Default 10. */
  candidates?: number | undefined;
}

/** In what a picture equals the first of its group. */
export type Likeness = "same bytes" | "same pixels" | "near";

export interface DuplicatePicture {
  name: string;
  index: number;
  /** Undefined of the first. */
  likeness?: Likeness;
  /** How well it lies on the first, -1 to 1; it may be below the threshold where it belongs here by another of the group. */
  score?: number;
}

export interface DuplicateGroup {
  /** The largest file first. */
  pictures: DuplicatePicture[];
}

export interface Duplicates {
  representation: string;
  data: string;
  pictures: number;
  groups: DuplicateGroup[];
  calibration: Calibration;
  badFiles: { name: string; reason: string }[];
}

/** Finds the duplicates among pictures that are open. Errors: data, numerics. */
export async function duplicatesOf(
  { pictures: { dataset }, representation }: OpenWork,
  { threshold, candidates = 10, reading }: DuplicateOptions,
): Promise<Duplicates> {
  checkOptions(threshold, candidates);
  const seeing = mirrorBlind(representation);
  const seen = await seePictures(seeing, dataset, reading);
  const calibration = await calibrate({ dataset, seeing, seen, candidates, threshold });
  const pairs = scoredPairs(seen, candidates).filter(({ score }) => score >= calibration.threshold);
  const links = new Links(seen.length);
  for (const { a, b } of pairs) links.link(a, b);
  const rowOf = new Map(Array.from(seen.indices, (index, row) => [index, row]));
  const sameBytes = await equalBytes(dataset, seen.indices);
  for (const own of sameBytes) for (const index of own.slice(1)) links.link(rowOf.get(own[0]!)!, rowOf.get(index)!);
  const found = links.groups();
  const samePixels = await pixelsOf(dataset, seen, found);
  const groups = found.map((rows) =>
    groupOf(dataset, seen, rows, { sameBytes: numbered(sameBytes), samePixels: numbered(samePixels) }),
  );
  groups.sort((a, b) => b.pictures.length - a.pictures.length);
  return {
    representation: representation.name,
    data: dataset.name,
    pictures: seen.length,
    groups,
    calibration,
    badFiles: seen.badFiles.map(({ name, reason }) => ({ name, reason })),
  };
}

function checkOptions(threshold: number | undefined, candidates: number): void {
  if (threshold !== undefined && !(threshold > 0 && threshold <= 1))
    throw new CallError(
      `duplicates: threshold ${threshold}; a number above 0 and up to 1 is needed; leave it out to have it set`,
    );
  if (!Number.isInteger(candidates) || candidates < 1)
    throw new CallError(`duplicates: candidates ${candidates}; a whole number from 1 is needed; leave it out for 10`);
}

interface ScoredPair {
  a: number;
  b: number;
  score: number;
}

/** Each picture with those nearest to it, each pair once. */
function scoredPairs(seen: SeenPictures, candidates: number): ScoredPair[] {
  const { places, count } = nearestNeighbours(seen, seen, candidates, { isBank: true });
  const known = new Set<number>();
  const [left, right]: [number[], number[]] = [[], []];
  places.forEach((other, at) => {
    const row = Math.floor(at / count);
    const [a, b] = row < other ? [row, other] : [other, row];
    if (known.has(a * seen.length + b)) return;
    known.add(a * seen.length + b);
    left.push(a);
    right.push(b);
  });
  const { squares } = seen;
  const scores = alignments({ left: { squares, rows: left }, right: { squares, rows: right } });
  return left.map((a, i) => ({ a, b: right[i]!, score: scores[i]! }));
}

/** Only pictures of one group can have equal pixels: those are decoded whole. */
async function pixelsOf(dataset: Dataset, seen: SeenPictures, groups: readonly number[][]): Promise<number[][]> {
  if (dataset.kind === "array") return [];
  return equalPixels(
    dataset,
    groups.flat().map((row) => seen.indices[row]!),
  );
}

/** The number of each one's set of equals. */
const numbered = (sets: readonly number[][]): Map<number, number> =>
  new Map(sets.flatMap((own, number) => own.map((index) => [index, number] as const)));

interface Equals {
  sameBytes: Map<number, number>;
  samePixels: Map<number, number>;
}

function groupOf(dataset: Dataset, seen: SeenPictures, rows: readonly number[], equals: Equals): DuplicateGroup {
  const bytesAt = (row: number) => (dataset.kind === "folder" ? dataset.files.at(seen.indices[row]!)!.bytes : 0);
  const ordered = [...rows].sort((a, b) => bytesAt(b) - bytesAt(a) || a - b);
  const [first, ...others] = ordered as [number, ...number[]];
  const { squares } = seen;
  const scores = alignments({ left: { squares, rows: others.map(() => first) }, right: { squares, rows: others } });
  const picture = (row: number) => ({ name: pictureName(dataset, seen.indices[row]!), index: seen.indices[row]! });
  const likeness = (row: number): Likeness => {
    const isIn = (sets: Map<number, number>) =>
      sets.has(seen.indices[row]!) && sets.get(seen.indices[row]!) === sets.get(seen.indices[first]!);
    if (isIn(equals.sameBytes)) return dataset.kind === "array" ? "same pixels" : "same bytes";
    return isIn(equals.samePixels) ? "same pixels" : "near";
  };
  const rest = others.map((row, i) => ({ ...picture(row), likeness: likeness(row), score: scores[i]! }));
  rest.sort((a, b) => b.score - a.score);
  return { pictures: [picture(first), ...rest] };
}
