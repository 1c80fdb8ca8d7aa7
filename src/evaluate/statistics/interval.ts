// M test images, B resamples, S seeds
import { keyedStream } from "../../random.ts";
import { binomialShare, normalQuantile, normalShare, studentQuantile } from "./distributions.ts";

/** Where the true value lies with a certainty of `level`. */
export interface Interval {
  /** 0.95 unless said. */
  level: number;
  low: number;
  high: number;
  /** How it was found, in words. */
  method: string;
}

export interface BootstrapOptions {
  /** Default 2,000; of right and wrong answers all there are. The ends move by about a twentieth of the interval's width from one seed to another. */
  resamples?: number;
  /** Default 0.95. */
  level?: number;
  /** Of the resamples; everything else is the same on every machine. Default 0. */
  seed?: number;
}

const bootstrapKey = 0x626f6f74;
const usualResamples = 2000;

/**
 * The interval of the mean of one score an image, over what other test images could have been drawn: the bootstrap with bias and skew
 * corrected (BCa; Efron 1987, doi:10.1080/01621459.1987.10478410). Percentiles alone are too short on the skewed side, and accuracies near
 * 1 are skewed; BCa's error falls with 1 / M in place of 1 / √M. Where all scores are equal the bootstrap sees no spread: the interval is
 * then Wilson's for shares (doi:10.1080/01621459.1927.10502953), that of all right or all wrong.
 *
 * Scores [M] in any unit, those of accuracies 0 or 1; low and high are in the same unit. Null where equal scores are no shares.
 */
export function meanInterval(scores: ArrayLike<number>, options: BootstrapOptions = {}): Interval | null {
  const { level = 0.95, resamples = usualResamples } = options;
  const first = scores[0];
  if (scores.length === 0 || first === undefined) return null;
  const isEqual = Array.from(scores).every((own) => own === first);
  if (isEqual) return first === 0 || first === 1 ? wilson(first * scores.length, scores.length, level) : null;
  const isAnswer = Array.from(scores).every((own) => own === 0 || own === 1);
  const resampled = isAnswer ? allResamples(scores) : drawnResamples(resampledMeans(scores, options), meanOf(scores));
  const [low, high] = bcaEnds(resampled, scores, level);
  const drawn = isAnswer ? "all resamples" : `${resamples} resamples`;
  return { level, low, high, method: `bootstrap over ${scores.length} test images (BCa, ${drawn})` };
}

/**
 * The interval of a figure that is no mean over images, such as a mean of average precisions: percentiles of the figure over resampled
 * images. BCa would ask for the figure M times more. `statistic` gets the places of a resample [M], with repetitions.
 */
export function statisticInterval(
  count: number,
  statistic: (places: Uint32Array) => number,
  { resamples = 1000, level = 0.95, seed = 0 }: BootstrapOptions = {},
): Interval | null {
  if (count < 2) return null;
  const places = new Uint32Array(count);
  const found = Float64Array.from({ length: resamples }, (_, turn) => {
    fillResample(places, seed, turn);
    return statistic(places);
  });
  const sorted = found.filter(Number.isFinite).sort(); // a resample may lack all images of a class
  if (sorted.length === 0) return null;
  const [low, high] = [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
  return { level, low, high, method: `bootstrap over ${count} test images (percentiles, ${resamples} resamples)` };
}

/** The interval of the mean over seeds: mean ± t √(s² / S), t of Student's distribution with S - 1 degrees of freedom; null of one seed. */
export function seedInterval(values: readonly number[], level = 0.95): Interval | null {
  const count = values.length;
  if (count < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = studentQuantile((1 + level) / 2, count - 1) * Math.sqrt(variance / count);
  return { level, low: mean - half, high: mean + half, method: `Student's t over ${count} seeds` };
}

/** Wilson's score interval of a share. */
export function wilson(right: number, count: number, level = 0.95): Interval {
  const z = normalQuantile((1 + level) / 2);
  const share = right / count;
  const [middle, weight] = [(share + (z * z) / (2 * count)) / (1 + (z * z) / count), 1 / (1 + (z * z) / count)];
  const half = weight * z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  const [low, high] = [Math.max(0, middle - half), Math.min(1, middle + half)];
  return {
    level,
    low,
    high,
    method: count === 1 ? "Wilson, 1 test image alone" : `Wilson, ${count} test images that are all alike`,
  };
}

/** Means of B resamples, in order of size. */
export function resampledMeans(
  scores: ArrayLike<number>,
  { resamples = usualResamples, seed = 0 }: BootstrapOptions = {},
): Float64Array {
  const places = new Uint32Array(scores.length);
  const means = Float64Array.from({ length: resamples }, (_, turn) => {
    fillResample(places, seed, turn);
    let sum = 0;
    for (const place of places) sum += scores[place]!;
    return sum / scores.length;
  });
  return means.sort();
}

/** A resample is a function of (seed, its turn), whatever else is drawn. */
function fillResample(places: Uint32Array, seed: number, turn: number): void {
  const random = keyedStream(seed, bootstrapKey, turn);
  for (let i = 0; i < places.length; i++) places[i] = Math.floor(random() * places.length);
}

/** The distribution of the mean over resamples. */
export interface Resampled {
  /** Share of resamples whose mean lies below that of the scores, those that are equal by half. */
  shareBelowMean: number;
  /** The mean below which a share of the resamples lies. */
  quantile(share: number): number;
}

/** Of resamples that were drawn, means in order of size. */
export const drawnResamples = (sortedMeans: Float64Array, mean: number): Resampled => ({
  shareBelowMean: shareBelow(sortedMeans, mean),
  quantile: (share) => quantile(sortedMeans, share),
});

/** Of right and wrong answers nothing need be drawn: how many are right in a resample is binomial. */
function allResamples(answers: ArrayLike<number>): Resampled {
  const count = answers.length;
  const right = meanOf(answers) * count;
  const shareTo = (k: number) => (k < 0 ? 0 : binomialShare(k, count, right / count));
  return {
    shareBelowMean: (shareTo(Math.round(right) - 1) + shareTo(Math.round(right))) / 2,
    quantile: (share) => leastWhole(count, (k) => shareTo(k) >= share) / count,
  };
}

/** The least whole number from 0 for which something holds that holds for all above. */
function leastWhole(most: number, holds: (k: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const meanOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, own) => sum + own, 0) / values.length;

/**
 * Ends of the BCa interval: percentiles Φ(z₀ + (z₀ + z) / (1 - a (z₀ + z))) of the resampled means. z₀ is Φ⁻¹ of their share below the
 * mean itself, equal ones by half; a = Σ d³ / (6 (Σ d²)^1.5), d the distances from the mean, is the jackknife's for a mean.
 */
export function bcaEnds(resampled: Resampled, scores: ArrayLike<number>, level: number): [number, number] {
  const mean = meanOf(scores);
  const bias = normalQuantile(resampled.shareBelowMean);
  const sumOf = (power: number) => Array.from(scores).reduce((sum, value) => sum + (value - mean) ** power, 0);
  const acceleration = sumOf(3) / (6 * sumOf(2) ** 1.5);
  const endAt = (share: number) => {
    const z = bias + normalQuantile(share);
    return resampled.quantile(normalShare(bias + z / (1 - acceleration * z)));
  };
  return [endAt((1 - level) / 2), endAt((1 + level) / 2)];
}

/** Kept off 0 and 1, where the quantile is without bound. */
function shareBelow(sorted: Float64Array, value: number): number {
  const tolerance = 1e-12 * Math.max(1, Math.abs(value)); // sums in another order
  let [below, equal] = [0, 0];
  for (const own of sorted) {
    if (own < value - tolerance) below += 1;
    else if (own <= value + tolerance) equal += 1;
  }
  const share = (below + equal / 2) / sorted.length;
  return Math.min(1 - 0.5 / sorted.length, Math.max(0.5 / sorted.length, share));
}

/** The value below which a share lies, between two by proportion (type 7 of Hyndman and Fan, as NumPy). */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (place - Math.floor(place)) * (above - below);
}
