// M test pictures, B of a batch, S side in pixels, D features, C classes, K contestants, V corruptions at each strength
import { evaluationImages, imageOperations, type Normalization, type PlacedBatch } from "../../augment/index.ts";
import type { Dataset } from "../../data/index.ts";
import { noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";
import { corrupted } from "../corruptions/corrupt.ts";
import type { Picture } from "../corruptions/picture.ts";
import { allStrengths, type CorruptionName, corruptionNames, strengthsFor } from "../corruptions/strengths.ts";
import { computedBatches, type ExtractOptions } from "../features.ts";
import type { Representation } from "../representation.ts";
import { type Interval, meanInterval } from "../statistics/interval.ts";

/** A representation with a classifier that learned from clean pictures. */
export interface Contestant {
  representation: Representation;
  /** Features [B, D] to classes [B]. */
  classify(features: Tensor): Int32Array;
}

export interface RobustnessOptions {
  /** Default all fifteen. */
  corruptions?: readonly CorruptionName[];
  /** Default 1 to 5. */
  strengths?: readonly number[];
  /** Of noise, angles and fields. Default 0. */
  seed?: number;
  /** Told of progress and bad files. */
  reading?: ExtractOptions;
}

/** What one contestant got right. */
export interface RobustnessScore {
  /** Accuracy on clean pictures. */
  clean: number;
  /** Mean accuracy over corruptions and strengths. */
  value: number;
  interval: Interval | null;
  /** Of each picture the share of corruptions and strengths under which it was given its class. [M] */
  outcomes: Float32Array;
  corruptions: CorruptionScore[];
}

export interface CorruptionScore {
  name: CorruptionName;
  /** Accuracy at each strength. */
  accuracies: { strength: number; value: number }[];
  /** Mean over the strengths. */
  value: number;
}

/** The test pictures with their classes under the classifiers' numbering. */
export interface RobustnessTask {
  test: Dataset;
  labels: Int32Array; // [M]
}

/**
 * Accuracy under common corruptions (arXiv 1903.12261): every test picture is brought to the size of the networks, corrupted there as the
 * published sets are, and classified by what was learned from clean pictures. All contestants see the same corrupted pictures; nothing is
 * trained on any.
 *
 * @throws SelfsightError "data" when too many files are bad.
 */
export async function robustness(
  { test, labels }: RobustnessTask,
  contestants: readonly Contestant[],
  options: RobustnessOptions = {},
): Promise<{ scores: RobustnessScore[]; asked: number[] }> {
  const { corruptions = corruptionNames, strengths = allStrengths, seed = 0, reading } = options;
  const variants = corruptions.flatMap((name) => strengths.map((strength) => ({ name, strength })));
  const tallies = contestants.map(() => new Tally(test.length, variants.length));
  const asked: number[] = [];
  const rightOf = (batch: PlacedBatch) => rightAnswers(batch, contestants, { variants, labels, seed });
  const read = { ...contestants[0]!.representation, device: "cpu" }; // where pictures are corrupted
  for await (const { indices, values } of computedBatches(read, test, rightOf, { batchSize: 64, ...reading })) {
    const width = values.length / indices.length;
    for (const row of indices.keys())
      for (const [i, tally] of tallies.entries())
        tally.add(asked.length + row, values.subarray(row * width + (i * width) / tallies.length));
    asked.push(...indices);
  }
  return { scores: tallies.map((tally) => scoreOf(tally, asked.length, { corruptions, strengths })), asked };
}

interface Asking {
  variants: readonly { name: CorruptionName; strength: number }[]; // [V]
  labels: Int32Array; // [M]
  seed: number;
}

/** Of each picture 1 where it is given its class, else 0: clean, then under each variant, of each contestant K. [B, K (1 + V)] */
async function rightAnswers(
  batch: PlacedBatch,
  contestants: readonly Contestant[],
  { variants, labels, seed }: Asking,
): Promise<Float32Array> {
  const each = 1 + variants.length;
  const width = contestants.length * each;
  const right = new Float32Array(batch.indices.length * width);
  const answer = (shown: readonly Picture[], place: number) => {
    for (const [i, contestant] of contestants.entries())
      for (const [row, given] of answersOf(contestant, shown).entries())
        right[row * width + i * each + place] = Number(given === labels[batch.indices[row]!]);
  };
  const pictures = picturesOf(batch, contestants[0]!.representation);
  answer(pictures, 0);
  for (const [variant, { name, strength }] of variants.entries()) {
    const shown = pictures.map((own, i) => corrupted(own, name, strength, { seed, sample: batch.indices[i]! }));
    answer(await Promise.all(shown), 1 + variant);
  }
  return right;
}

/** What a contestant got right: of each picture under each variant. */
class Tally {
  readonly #variants: number;
  readonly #right: Uint8Array; // [M, V]
  #clean = 0;

  constructor(pictures: number, variants: number) {
    this.#variants = variants;
    this.#right = new Uint8Array(pictures * variants);
  }

  /** A picture's answers, clean and under each variant. */
  add(place: number, right: Float32Array): void {
    this.#clean += right[0]!;
    this.#right.set(right.subarray(1, 1 + this.#variants), place * this.#variants);
  }

  cleanShare = (count: number): number => this.#clean / count;

  shareOf(variant: number, count: number): number {
    let right = 0;
    for (let i = 0; i < count; i++) right += this.#right[i * this.#variants + variant]!;
    return right / count;
  }

  outcomes = (count: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) =>
      meanOf(this.#right.subarray(i * this.#variants, (i + 1) * this.#variants)),
    );
}

const meanOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, own) => sum + own, 0) / values.length;

function scoreOf(tally: Tally, count: number, asked: Required<Pick<RobustnessOptions, "corruptions" | "strengths">>) {
  const { corruptions, strengths } = asked;
  const found = corruptions.map((name, place): CorruptionScore => {
    const accuracies = strengths.map((strength, i) => ({
      strength,
      value: tally.shareOf(place * strengths.length + i, count),
    }));
    return { name, accuracies, value: meanOf(accuracies.map(({ value }) => value)) };
  });
  const outcomes = tally.outcomes(count);
  return {
    clean: tally.cleanShare(count),
    value: meanOf(found.map(({ value }) => value)),
    interval: meanInterval(outcomes),
    outcomes,
    corruptions: found,
  };
}

const unchanged: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

/** The pictures of a batch as the network would see them, in 8-bit steps and not normalised. */
function picturesOf(batch: PlacedBatch, { size }: Representation): Picture[] {
  return scope(() => {
    const values = evaluationImages(batch, { size, normalize: unchanged }).contiguous().float32(); // [B, 3, S, S]
    const length = 3 * size * size;
    return Array.from(batch.indices, (_, i) => {
      const planes = values.slice(i * length, (i + 1) * length).map((value) => Math.round(255 * value) / 255);
      return { planes, size };
    });
  });
}

function answersOf({ representation, classify }: Contestant, pictures: readonly Picture[]): Int32Array {
  return noGrad(() =>
    scope(() => {
      const { size, device, normalize } = representation;
      const length = 3 * size * size;
      const values = new Float32Array(pictures.length * length);
      for (const [i, { planes }] of pictures.entries()) values.set(planes, i * length);
      const images = tensor(values, [pictures.length, 3, size, size], { device }); // [B, 3, S, S]
      const normalized = imageOperations.normalize(images, normalize).contiguous("channels_last");
      return classify(representation.forward(normalized).to("float32")); // [B, D] to [B]
    }),
  );
}

/** Corruption errors of one contestant beside a baseline's (arXiv 1903.12261, section 4.3). */
export interface RelativeErrors {
  /** Mean over corruptions of Σ error / Σ the baseline's error, sums over strengths; below 1 is better than the baseline. */
  meanCorruptionError: number;
  /** The same of what the errors are more than those on clean pictures; null where the baseline loses nothing under some corruption. */
  relativeMeanCorruptionError: number | null;
  /** By corruption, in their order. */
  corruptionErrors: { name: CorruptionName; value: number }[];
}

/** mCE and relative mCE; the paper's baseline is AlexNet, here it is what is given. */
export function relativeErrors(own: RobustnessScore, baseline: RobustnessScore): RelativeErrors {
  const pairs = own.corruptions.map(({ name, value }, i) => ({
    name,
    own: 1 - value,
    other: 1 - baseline.corruptions[i]!.value,
  }));
  const corruptionErrors = pairs.map(({ name, own: error, other }) => ({ name, value: error / other }));
  const [lost, otherLost] = [1 - own.clean, 1 - baseline.clean];
  const relative = pairs.map(({ own: error, other }) => (error - lost) / (other - otherLost));
  const losesAlways = pairs.every(({ other }) => other - otherLost > 0);
  return {
    meanCorruptionError: meanOf(corruptionErrors.map(({ value }) => value)),
    relativeMeanCorruptionError: losesAlways ? meanOf(relative) : null,
    corruptionErrors,
  };
}

/** `robustness-v1, cifar-c strengths 1 3 5 of 15 corruptions`. */
export function robustnessName(
  size: number,
  { corruptions = corruptionNames, strengths = allStrengths, seed = 0 }: RobustnessOptions,
) {
  const which = corruptions.length === corruptionNames.length ? "15 corruptions" : corruptions.join(" ");
  return `robustness-v1 ${strengthsFor(size)} strengths ${strengths.join(" ")} of ${which}${seed === 0 ? "" : `, seed ${seed}`}`;
}
