// M pictures, B of a batch, C classes
import { evaluationImages, type MiddleCrop, type Normalization } from "../../augment/index.ts";
import { type Dataset, onePass, Remarks, sampleName } from "../../data/index.ts";
import { noGrad, scope, type Tensor } from "../../torch/index.ts";
import type { BadFile, ExtractOptions } from "../features.ts";

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

/** Asks a classifier for every picture once, without chance. Bad files are left out. Errors: data, numerics. */
export async function testClassifier({
  test,
  labels,
  classes,
  view,
  logits,
  reading,
}: ClassifierTest): Promise<Answers & { badFiles: BadFile[] }> {
  const k = answersPerPicture(classes);
  const [answers, asked]: [Int32Array[], number[]] = [[], []];
  const badFiles: BadFile[] = [];
  const remarks = new Remarks();
  const reader = onePass(test, {
    batchSize: 256,
    decodeSize: view.decodeSize,
    onBadFile(index, error) {
      const file = { index, name: sampleName(test, index), reason: error.message };
      badFiles.push(file);
      reading?.onBadFile?.(file);
    },
    onRemark: (index, remark) => remarks.add(index, remark),
  });
  for await (const batch of reader) {
    answers.push(scope(() => noGrad(() => greatest(logits(evaluationImages(batch, view)), k))));
    asked.push(...batch.indices);
    reading?.onProgress?.(asked.length, test.length);
  }
  for (const sentence of remarks.sentences(test)) reading?.onRemark?.(sentence);
  const joined = Int32Array.from(answers.flatMap((own) => [...own]));
  const own = { labels: Int32Array.from(asked, (place) => labels[place]!), classes };
  return { ...answersOf(joined, own), badFiles };
}
