// G true boxes, N boxes that are held against them
import { noGrad, scope, type Tensor, where } from "../torch/index.ts";
import { boxIou } from "./boxes.ts";

export interface MatchOptions {
  /** From this overlap on a box belongs to the true box that it overlaps most. */
  high: number;
  /** Below this overlap it is background; between the two it counts as neither. */
  low: number;
  /** Whether each true box gets the boxes that overlap it most, however little that is. Default false. */
  allowsLowQuality?: boolean;
}

/** A box that belongs to none of the true boxes, and one that nobody is asked about. */
export const background = -1;
export const ignored = -2;

/** For each box the place of its true box, or `background`, or `ignored`; truth [G, 4], boxes [N, 4]. arXiv 1506.01497, section 3.1.2. */
export function matchBoxes(
  truth: Tensor,
  boxes: Tensor,
  { high, low, allowsLowQuality = false }: MatchOptions,
): Int32Array {
  const N = boxes.size(0);
  if (truth.size(0) === 0 || N === 0) return new Int32Array(N).fill(background);
  return noGrad(() =>
    scope(() => {
      const overlaps = boxIou(truth, boxes); // [G, N]
      const best = overlaps.amax({ dim: 0 }); // [N]
      const nearest = overlaps.argmax(0).to("float32"); // [N]
      const far = where(best.ge(low), best.zerosLike().fill_(ignored), best.zerosLike().fill_(background)); // [N]
      const isNear = allowsLowQuality
        ? best.ge(high).to("float32").maximum(isBestOfAny(overlaps))
        : best.ge(high).to("float32");
      return Int32Array.from(where(isNear.gt(0), nearest, far).float32());
    }),
  );
}

/** 1 for boxes that no other box surpasses at one of the true boxes, else 0, [N]. One that touches nothing is nobody's best. */
function isBestOfAny(overlaps: Tensor): Tensor {
  const most = overlaps.amax({ dim: 1, keepDim: true }); // [G, 1]
  return overlaps.eq(most).logicalAnd(overlaps.gt(0)).to("float32").amax({ dim: 0 });
}

export interface Sampled {
  /** Places of boxes that belong to a true box. */
  positives: Uint32Array;
  /** Places of boxes of the background. */
  negatives: Uint32Array;
}

export interface SampleOptions {
  /** Boxes in all. */
  size: number;
  /** At most this share of them belongs to true boxes. */
  positiveShare: number;
}

/** Draws boxes to learn from; `next` gives uniform numbers in [0, 1). Background fills up what true boxes leave. */
export function sampleMatches(
  matches: Int32Array,
  { size, positiveShare }: SampleOptions,
  next: () => number,
): Sampled {
  const places = (isWanted: (match: number) => boolean) =>
    matches.reduce<number[]>((found, match, i) => {
      if (isWanted(match)) found.push(i);
      return found;
    }, []);
  const positives = drawn(
    places((match) => match >= 0),
    Math.floor(size * positiveShare),
    next,
  );
  const negatives = drawn(
    places((match) => match === background),
    size - positives.length,
    next,
  );
  return { positives, negatives };
}

/** `most` of the numbers without repetition, in ascending order (the first steps of Fisher-Yates). */
function drawn(numbers: number[], most: number, next: () => number): Uint32Array {
  const count = Math.min(most, numbers.length);
  if (count === numbers.length) return Uint32Array.from(numbers);
  for (let i = 0; i < count; i++) {
    const chosen = i + Math.floor(next() * (numbers.length - i));
    [numbers[i], numbers[chosen]] = [numbers[chosen]!, numbers[i]!];
  }
  return Uint32Array.from(numbers.slice(0, count)).sort();
}
