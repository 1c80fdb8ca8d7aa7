// N pictures, P pairs, c copies of a sampled picture, k candidates of each
import { type Dataset, onePass, subset } from "../../data/index.ts";
import { batchFeatures, nearestNeighbours, type Representation, rowsAt } from "../../evaluate/index.ts";
import { keyedPermutation, keyedStream } from "../../random.ts";
import { rawPictures } from "../results/raw-pictures.ts";
import { alignments, upsideDown } from "./alignment.ts";
import { copiesOf, copyKinds } from "./copies.ts";
import type { SeenPictures } from "./pictures-seen.ts";
import { squareSource, squaresOf } from "./squares.ts";

/** How the threshold came about, in shares and scores from these pictures themselves. */
export interface Calibration {
  threshold: number;
  /** Whether it was set by these figures, or given. */
  isGiven: boolean;
  /** Pictures that copies were made of. */
  sampled: number;
  /** 99 of 100 copies score at least this. */
  copiesScore: number;
  /** What pairs that are no copies score at most: 999 of 1,000 of those turned upside down, 99 of 100 drawn at random. */
  strangersScore: number;
  strangerPairs: number;
  /** Share of the copies that would be found: their original is among the candidates, and they score enough. */
  found: number;
  /** The same of each kind of copy. */
  foundByKind: Record<string, number>;
  /** Share of the pairs turned upside down that would be taken for copies. */
  falseShare: number;
}

const mostSampled = 200;
const strangersEach = 6;
const sampleKey = 0x636f7079;

interface Calibrating {
  dataset: Dataset;
  seeing: Representation;
  seen: SeenPictures;
  candidates: number;
  /** Default: set by the figures. */
  threshold?: number | undefined;
}

/**
 * Sets the threshold without any label. Of up to 200 pictures it makes copies of four kinds and scores them with their originals: what
 * duplicates score. Strangers are each sampled picture's neighbours, and others drawn at random, turned upside down: they look much
 * like it and are no copies, whatever duplicates there are. Those drawn at random count as they are too, without any that is near in
 * features, and but for the best 1 %: they may be duplicates. The threshold lies midway between what 99 % of the copies reach and what
 * 0.1 % of the strangers pass; where these overlap, at the strangers'.
 */
export async function calibrate({ dataset, seeing, seen, candidates, threshold }: Calibrating): Promise<Calibration> {
  const sample = keyedPermutation(seen.length, 0, sampleKey).subarray(0, mostSampled).sort();
  const copies = await scoredCopies({ dataset, seeing, seen, candidates }, sample);
  const { atRandom, turned } = scoredStrangers(seen, sample);
  const scores = Float32Array.from(copies, ({ score }) => score);
  const copiesScore = quantile(scores, 0.01);
  const strangersScore = Math.max(quantile(turned, 0.999), quantile(atRandom, 0.99));
  const chosen = threshold ?? Math.max(strangersScore, (copiesScore + strangersScore) / 2);
  const share = (own: readonly Copy[]) =>
    own.filter((copy) => copy.isCandidate && copy.score >= chosen).length / Math.max(1, own.length);
  return {
    threshold: chosen,
    isGiven: threshold !== undefined,
    sampled: sample.length,
    copiesScore,
    strangersScore,
    strangerPairs: turned.length + atRandom.length,
    found: share(copies),
    foundByKind: Object.fromEntries(
      copyKinds.map((kind) => [kind, share(copies.filter((copy) => copy.kind === kind))]),
    ),
    falseShare: turned.filter((score) => score >= chosen).length / Math.max(1, turned.length),
  };
}

interface Copy {
  kind: (typeof copyKinds)[number];
  score: number;
  /** Whether its original is among its nearest in features. */
  isCandidate: boolean;
}

async function scoredCopies(
  { dataset, seeing, seen, candidates }: Omit<Calibrating, "threshold">,
  sample: Uint32Array,
): Promise<Copy[]> {
  const rowAt = new Map(Array.from(sample, (row) => [seen.indices[row]!, row]));
  const places = [...rowAt.keys()];
  const how = { shortSide: Math.max(squareSource, seeing.decodeSize) };
  const found: Copy[] = [];
  for await (const batch of onePass(subset(dataset, places), { batchSize: 16 })) {
    const rows = Array.from(batch.indices, (place) => rowAt.get(places[place]!)!);
    const made = await Promise.all(rawPictures(batch).map((picture, i) => copiesOf(picture, placeOf(rows[i]!), how)));
    found.push(...(await scored(seeing, seen, rows, made.flat(), candidates)));
  }
  return found;
}

/** Where a picture's crop lies, by its row. */
function placeOf(row: number): [number, number] {
  const next = keyedStream(0, sampleKey, row);
  return [next(), next()];
}

async function scored(
  seeing: Representation,
  seen: SeenPictures,
  rows: readonly number[],
  images: Awaited<ReturnType<typeof copiesOf>>,
  candidates: number,
): Promise<Copy[]> {
  const originals = rows.flatMap((row) => copyKinds.map(() => row)); // [c]
  const values = batchFeatures(
    seeing,
    { images, indices: Uint32Array.from(images.keys()) },
    (i) => `a copy of picture ${originals[i]}`,
  );
  const near = nearestNeighbours(seen, { values, length: images.length, dimensions: seen.dimensions }, candidates);
  const scores = alignments({
    left: { squares: await squaresOf(images), rows: [...images.keys()] },
    right: { squares: seen.squares, rows: originals },
  });
  return originals.map((original, i) => ({
    kind: copyKinds[i % copyKinds.length]!,
    score: scores[i]!,
    isCandidate: near.places.subarray(i * near.count, (i + 1) * near.count).includes(original),
  }));
}

/** Pairs that are no copies: as they are, where features say that they are far, and one of them upside down. */
interface Strangers {
  atRandom: Float32Array;
  turned: Float32Array;
}

function scoredStrangers(seen: SeenPictures, sample: Uint32Array): Strangers {
  const near = neighboursOf(seen, sample);
  const drawn = drawnOthers(seen.length, sample, near);
  const { squares } = seen;
  const left = { squares, rows: drawn.map(([row]) => row) };
  const turned = [...drawn, ...near];
  return {
    atRandom: alignments({ left, right: { squares, rows: drawn.map(([, other]) => other) } }),
    turned: alignments({
      left: { squares, rows: turned.map(([row]) => row) },
      right: { squares: upsideDown(squares), rows: turned.map(([, other]) => other) },
    }),
  };
}

type Pair = [row: number, other: number];

/** Others drawn at random, without those nearest in features: among these are the duplicates. */
function drawnOthers(length: number, sample: Uint32Array, near: readonly Pair[]): Pair[] {
  const isNear = new Set(near.map(([row, other]) => row * length + other));
  return Array.from(sample).flatMap((row) => {
    const next = keyedStream(1, sampleKey, row);
    const others = Array.from({ length: strangersEach }, () => Math.floor(next() * length));
    return others
      .filter((other) => other !== row && !isNear.has(row * length + other))
      .map((other): Pair => [row, other]);
  });
}

function neighboursOf(seen: SeenPictures, sample: Uint32Array): Pair[] {
  const near = nearestNeighbours(seen, rowsAt(seen, sample), strangersEach + 1);
  const pairs = Array.from(near.places, (other, at): Pair => [sample[Math.floor(at / near.count)]!, other]);
  return pairs.filter(([row, other]) => row !== other);
}

/** The value that a share of all lies below or at. */
function quantile(values: Float32Array, share: number): number {
  if (values.length === 0) return 0;
  const ordered = values.slice().sort();
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))]!;
}
