// M pictures, B of a batch, C classes
import { evaluationImages, type MiddleCrop, type Normalization } from "../../augment/index.ts";
import { type Dataset, onePass, Remarks, sampleName } from "../../data/index.ts";
import { noGrad, scope, type Tensor } from "../../torch/index.ts";
import { type Evaluation, score } from "../evaluation.ts";
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

/** What a classifier got right. */
export interface ClassifierScore extends Omit<Evaluation, "protocol" | "notes"> {
  /** Share of pictures whose class is among the five greatest logits; null with five classes or fewer. */
  top5: number | null;
}

/** The k greatest logits of each row, int32 [B, k], the greatest first; what is not a number is none of them. */
export const greatest = (logits: Tensor, k: number): Int32Array =>
  scope(() => logits.topk(k)[1].to("int32").data() as Int32Array);

/** Counts the answers, the five greatest of each picture one behind the other [M × k], with k classes at most. */
export function scoreAnswers(
  answers: Int32Array,
  { labels, classes }: { labels: Int32Array; classes: readonly string[] },
): ClassifierScore {
  const k = answersPerPicture(classes);
  const first = labels.map((_, i) => answers[i * k]!);
  const hits = labels.reduce((sum, label, i) => sum + Number(answers.subarray(i * k, (i + 1) * k).includes(label)), 0);
  const found = score({ queryLabels: labels, classes }, first);
  return { ...found, top5: classes.length > 5 ? hits / labels.length : null };
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
}: ClassifierTest): Promise<ClassifierScore & { badFiles: BadFile[] }> {
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
  return { ...scoreAnswers(joined, own), badFiles };
}
