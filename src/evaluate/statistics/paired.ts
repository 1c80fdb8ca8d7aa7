// M test images that two representations have answered
import { binomialShare } from "./distributions.ts";
import { type BootstrapOptions, type Interval, meanInterval, resampledMeans } from "./interval.ts";

/** What is asked of two results on the same images: is one better than the other? */
export interface PairedComparison {
  /** Images that both have answered. */
  count: number;
  /** Mean of the first, mean of the second. */
  values: [number, number];
  /** First less second. */
  difference: number;
  /** Of the difference; null where all images differ by the same. */
  interval: Interval | null;
  /** Of a difference at least as large where there is none. */
  pValue: number;
  /** How the p-value was found, in words. */
  test: string;
  /** Of right and wrong answers: images that the first alone had right, and the second alone. */
  discordant?: [first: number, second: number];
}

/**
 * Two results on the same images, paired image by image: what is hard for both cancels. The interval of the difference is the
 * bootstrap's over images (see `meanInterval`); the p-value is McNemar's exact one for answers that are right or wrong, else the paired
 * bootstrap's.
 *
 * Scores [M] each, in one order of images. One comparison that was chosen beforehand: of many, some have a small p by chance.
 */
export function pairedComparison(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: BootstrapOptions = {},
): PairedComparison {
  const differences = Float64Array.from({ length: first.length }, (_, i) => first[i]! - second[i]!);
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, own) => sum + own, 0) / first.length;
  const isAnswer = [first, second].every((scores) => Array.from(scores).every((own) => own === 0 || own === 1));
  return {
    count: first.length,
    values: [mean(first), mean(second)],
    difference: mean(differences),
    interval: differences.every((own) => own === differences[0]) ? null : meanInterval(differences, options),
    ...(isAnswer ? answersTested(differences) : differencesTested(differences, options)),
  };
}

function answersTested(differences: Float64Array): Pick<PairedComparison, "pValue" | "test" | "discordant"> {
  const count = (sign: number) => differences.reduce((sum, own) => sum + (own === sign ? 1 : 0), 0);
  const discordant: [number, number] = [count(1), count(-1)];
  return { discordant, pValue: mcNemar(...discordant), test: "McNemar, exact" };
}

/**
 * McNemar's exact test (doi:10.1007/BF02295996): of the images that only one of two has right, either should have half; two-sided
 * p = min(1, 2 P(X ≤ the fewer)), X binomial with chance 1/2. Without any such image p is 1: nothing tells the two apart.
 */
export const mcNemar = (firstAlone: number, secondAlone: number): number =>
  Math.min(1, 2 * binomialShare(Math.min(firstAlone, secondAlone), firstAlone + secondAlone, 0.5));

/** p = (1 + resamples that lie as far from the difference as it lies from 0) / (1 + B) (Efron and Tibshirani 1993, 16.4). */
function differencesTested(differences: Float64Array, options: BootstrapOptions) {
  const means = resampledMeans(differences, options);
  const mean = differences.reduce((sum, own) => sum + own, 0) / differences.length;
  const far = means.filter((own) => Math.abs(own - mean) >= Math.abs(mean) * (1 - 1e-12)).length;
  return { pValue: (1 + far) / (1 + means.length), test: `paired bootstrap, ${means.length} resamples` };
}
