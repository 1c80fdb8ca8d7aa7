// N images of the bank, M queries, D features, C classes, R draws
import { SelfsightError } from "../../errors.ts";
import { keyedPermutation } from "../../random.ts";
import { noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";
import { type Evaluation, type LabelledTask, labelledTask, score } from "../evaluation.ts";
import { type Features, featureTensor } from "../features.ts";
import { placesByClass } from "../hold-out.ts";
import { unitLength } from "./knn.ts";
import { classify, logisticRegression } from "./logistic-regression.ts";

export interface FewShotOptions {
  /** Labelled images of each class. Default 10. */
  labels?: number;
  /** Draws of labelled images. Default 10. */
  draws?: number;
  /** Of the draws. Default 0. */
  seed?: number;
  /** Default "cpu". */
  device?: string;
}

/** `value` is the mean over the draws; counts are those of all draws together. */
export interface FewShotResult extends Evaluation {
  /** Standard deviation of the accuracy over the draws (divided by R - 1); null of a single draw. */
  std: number | null;
  /** Accuracy of each draw. */
  draws: number[];
}

const drawKey = 0x66657773;

/**
 * The protocol few-shot-v1: a classifier from a few labels of each class of the train split, measured on the whole test
 * split, over several keyed draws.
 *
 * Features are centred on the mean of the train split (no labels needed) and scaled to length 1 (CL2N, arXiv 1911.04623);
 * the classifier is logistic regression with C = 1 (arXiv 2003.11539), see `logisticRegression`.
 *
 * @throws SelfsightError "data" when a class has fewer images than labels are asked for.
 */
export function fewShot(bank: Features, queries: Features, options: FewShotOptions = {}): FewShotResult {
  const { labels = 10, draws = 10, seed = 0, device = "cpu" } = options;
  checkCounts(labels, draws);
  const task = labelledTask(bank, queries);
  const places = placesByClass(task.bankLabels);
  refuseSmallClasses(task, places, labels);
  const predictions = noGrad(() =>
    scope(() => {
      const centre = featureTensor(bank, device).mean({ dim: 0, keepDim: true }); // [1, D]
      const prepare = (rows: Tensor) => unitLength(rows.sub(centre));
      const prepared = { bank: prepare(featureTensor(bank, device)), queries: prepare(featureTensor(queries, device)) };
      return Array.from({ length: draws }, (_, draw) => answersOf(prepared, task, drawn(places, labels, seed, draw)));
    }),
  );
  return summary(
    task,
    predictions,
    `few-shot-v1 ${labels} labels/class, ${draws} draws${seed === 0 ? "" : `, seed ${seed}`}`,
  );
}

/** The labelled images of one draw: a function of (seed, draw, class). */
export const drawn = (places: readonly number[][], labels: number, seed: number, draw: number): number[] =>
  places.flatMap((own, label) =>
    Array.from(keyedPermutation(own.length, seed, drawKey, draw, label).subarray(0, labels), (turn) => own[turn]!),
  );

/** Predictions [M] of the classifier that the chosen images give. */
function answersOf(rows: { bank: Tensor; queries: Tensor }, task: LabelledTask, chosen: number[]): Int32Array {
  return scope(() => {
    const places = tensor(Int32Array.from(chosen), [chosen.length], { device: rows.bank.device }).to("int64");
    const labels = Int32Array.from(chosen, (place) => task.bankLabels[place]!);
    const weights = logisticRegression(rows.bank.indexSelect(0, places), labels, task.classes.length);
    return classify(rows.queries, weights).to("int32").data() as Int32Array;
  });
}

function summary(task: LabelledTask, predictions: readonly Int32Array[], protocol: string): FewShotResult {
  const accuracies = predictions.map((own) => shareRight(task.queryLabels, own));
  const pooled = new Int32Array(predictions.length * task.queryLabels.length); // [R M]
  predictions.forEach((own, draw) => {
    pooled.set(own, draw * own.length);
  });
  return { protocol, ...score(task, pooled), std: spread(accuracies), draws: accuracies, notes: [] };
}

/** Mean of a sample. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const shareRight = (wanted: Int32Array, given: Int32Array): number =>
  given.reduce((sum, own, i) => sum + (own === wanted[i] ? 1 : 0), 0) / wanted.length;

/** Standard deviation of a sample. */
export function spread(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

function checkCounts(labels: number, draws: number): void {
  for (const [name, value] of Object.entries({ labels, draws }))
    if (!Number.isInteger(value) || value < 1)
      throw new SelfsightError(
        "configuration",
        `few-shot: ${name} is ${value}; a whole number from 1 is needed; 10 is usual`,
      );
}

function refuseSmallClasses({ bank, classes }: LabelledTask, places: readonly number[][], labels: number): void {
  const counts = classes.flatMap((name, label) =>
    places[label]?.length ? [{ name, count: places[label].length }] : [],
  );
  const smallest = counts.reduce((least, own) => (own.count < least.count ? own : least));
  if (smallest.count >= labels) return;
  throw new SelfsightError(
    "data",
    `few-shot: ${labels} labels of each class are asked for; ${smallest.name} has ${smallest.count} train images in ${bank.dataset}; add images or use --labels ${smallest.count}`,
  );
}
