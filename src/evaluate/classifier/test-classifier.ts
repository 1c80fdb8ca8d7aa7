// M pictures, B of a batch, C classes
import type { MiddleCrop, Normalization } from "../../augment/index.ts";
import type { Dataset } from "../../data/index.ts";
import { scope, type Tensor } from "../../torch/index.ts";
import { type BadFile, type ExtractOptions, extractFeatures } from "../features.ts";
import { ofLeader } from "../shared-batches.ts";

/** How pictures are brought before a network to be measured. */
export interface TestView {
  /** Side in pixels. */
  size: number;
  normalize: Normalization;
  decodeSize: number;
  device: string;
  middle?: MiddleCrop;
}

export interface ClassifierTest {
  test: Dataset;
  /** The classes under the numbering that was learned. */
  labels: Int32Array; // [M]
  classes: readonly string[]; // [C]
  view: TestView;
  /** Pictures [B, 3, S, S] to logits [B, C]. */
  logits(images: Tensor): Tensor;
  reading?: ExtractOptions;
}

/** What a classifier said of each picture, and what of that was right. */
export interface Answers {
  /** The greatest logit's class. */
  first: Int32Array; // [M]
  /** What was right. */
  labels: Int32Array; // [M]
  classes: readonly string[]; // [C]
  /** Share of pictures whose class is the first answer. */
  top1: number;
  /** Share of pictures whose class is among the five greatest logits; null with five classes or fewer. */
  top5: number | null;
}

/** The k greatest logits of each row, int32 [B, k], the greatest first. */
export const greatest = (logits: Tensor, k: number): Int32Array =>
  scope(() => logits.topk(k)[1].to("int32").data() as Int32Array);

/** Counts the answers: of each picture its k greatest [M × k], one behind the other. */
export function answersOf(given: Int32Array, { labels, classes }: Pick<Answers, "labels" | "classes">): Answers {
  const k = answersPerPicture(classes);
  const first = labels.map((_, i) => given[i * k]!);
  const share = (isRight: (label: number, i: number) => boolean) => labels.filter(isRight).length / labels.length;
  const top5 = share((label, i) => given.subarray(i * k, (i + 1) * k).includes(label));
  return {
    first,
    labels,
    classes,
    top1: share((label, i) => first[i] === label),
    top5: classes.length > 5 ? top5 : null,
  };
}

export const answersPerPicture = (classes: readonly string[]): number => Math.min(5, classes.length);

/**
 * Asks a classifier for every picture once, without chance. Bad files are left out. Several processes ask it for their part each; all have
 * the answers of all. Errors: data, numerics.
 */
export async function testClassifier({
  test,
  labels,
  classes,
  view,
  logits,
  reading,
}: ClassifierTest): Promise<Answers & { badFiles: readonly BadFile[] }> {
  const k = answersPerPicture(classes);
  const forward = (images: Tensor) => logits(images).topk(k)[1].to("float32"); // [B, k], whole numbers
  const asked = { ...view, name: "the classifier", precision: "fp32", forward } as const;
  const found = await extractFeatures(asked, test, reading);
  const { given, places, badFiles } = await ofLeader(reading?.sharing, () => ({
    given: [...found.values],
    places: [...found.indices],
    badFiles: found.badFiles,
  }));
  const own = { labels: Int32Array.from(places, (place) => labels[place]!), classes };
  return { ...answersOf(Int32Array.from(given), own), badFiles };
}
