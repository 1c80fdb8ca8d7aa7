// n labelled rows, N rows in all, D features, C classes
import { type FeatureTable, featureTensor, logisticRegression, unitLength, withOnes } from "../../evaluate/index.ts";
import { keyedPermutation } from "../../random.ts";
import { noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";

/** What a classifier says of rows. */
export interface Answers {
  /** Confidence in each class [N, C]; each row sums to 1. */
  confidences: Float32Array;
  /** How well the confidence is founded. */
  calibration: ConfidenceCalibration;
}

export interface ConfidenceCalibration {
  /** What logits are multiplied by, so that confidences are neither too bold nor too shy. */
  scale: number;
  /** Labelled pictures that were left out in turn and answered by a classifier that had not seen them. */
  tested: number;
  /** How many of them were answered rightly. */
  right: number;
  /** Their mean confidence: near `right / tested` where it is honest. */
  meanConfidence: number;
}

const folds = 5;
const foldKey = 0x666f6c64;

/** Rows with the mean of all taken off and of length 1 (CL2N, arXiv 1911.04623): no labels needed. */
const prepared = (table: FeatureTable): Tensor => {
  const rows = featureTensor(table);
  return unitLength(rows.sub(rows.mean({ dim: 0, keepDim: true }))); // [N, D]
};

const rowsAt = (rows: Tensor, places: readonly number[]): Tensor =>
  rows.indexSelect(0, tensor(Int32Array.from(places), [places.length]).to("int64"));

/**
 * Logistic regression (C = 1) on the labelled rows, and its confidence in every row. The confidence is softmax of logits times a scale,
 * which is set on labelled rows left out in turn (five folds): the one with the least cross-entropy against 1 - 1 / (n + 2) for the
 * right class (Platt 1999), so that no number of right answers makes it certain.
 */
export function classifyRows(
  table: FeatureTable,
  places: readonly number[],
  labels: Int32Array,
  classes: number,
): Answers {
  return noGrad(() =>
    scope(() => {
      const rows = prepared(table);
      const known = rowsAt(rows, places); // [n, D]
      const calibration = calibrated(known, labels, classes);
      const weights = logisticRegression(known, labels, classes); // [D + 1, C]
      const confidences = withOnes(rows).matmul(weights).mul(calibration.scale).softmax(1).float32();
      return { confidences, calibration };
    }),
  );
}

function calibrated(known: Tensor, labels: Int32Array, classes: number): ConfidenceCalibration {
  const { logits, tested } = leftOut(known, labels, classes); // [t, C]
  const wanted = tested.map((place) => labels[place]!);
  if (tested.length === 0) return { scale: 1, tested: 0, right: 0, meanConfidence: Number.NaN };
  const scales = Array.from({ length: 121 }, (_, i) => 10 ** (-1 + i / 40)); // 0.1 to 100
  const losses = scales.map((scale) => smoothedLoss(logits, wanted, classes, scale));
  const scale = scales[losses.indexOf(Math.min(...losses))]!;
  const best = wanted.map((_, row) => top(softmax(logits, row, classes, scale)));
  return {
    scale,
    tested: tested.length,
    right: best.filter(({ at }, row) => at === wanted[row]).length,
    meanConfidence: best.reduce((sum, { value }) => sum + value, 0) / best.length,
  };
}

/** Logits of labelled rows from classifiers that had not seen them; the only row of a class is never left out. */
function leftOut(known: Tensor, labels: Int32Array, classes: number): { logits: number[]; tested: number[] } {
  const fold = foldsOf(labels, classes);
  const [logits, tested]: [number[], number[]] = [[], []];
  for (let own = 0; own < folds; own++) {
    const [kept, held]: [number[], number[]] = [[], []];
    for (const [place, number] of fold.entries()) (number === own ? held : kept).push(place);
    if (held.length === 0) continue;
    const values = scope(() => {
      const weights = logisticRegression(
        rowsAt(known, kept),
        Int32Array.from(kept, (place) => labels[place]!),
        classes,
      );
      return withOnes(rowsAt(known, held)).matmul(weights).float32();
    });
    logits.push(...values);
    tested.push(...held);
  }
  return { logits, tested };
}

/** The fold of each row, spread evenly over each class; -1 of the only row of a class. */
function foldsOf(labels: Int32Array, classes: number): number[] {
  const fold = Array<number>(labels.length).fill(-1);
  for (let label = 0; label < classes; label++) {
    const own = Array.from(labels.keys()).filter((place) => labels[place] === label);
    if (own.length < 2) continue;
    for (const [turn, i] of keyedPermutation(own.length, 0, foldKey, label).entries())
      fold[own[i]!] = turn % Math.min(folds, own.length);
  }
  return fold;
}

function softmax(logits: readonly number[], row: number, classes: number, scale: number): number[] {
  const own = logits.slice(row * classes, (row + 1) * classes).map((value) => scale * value);
  const most = Math.max(...own);
  const powers = own.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function smoothedLoss(logits: readonly number[], wanted: readonly number[], classes: number, scale: number): number {
  const doubt = 1 / (wanted.length + 2);
  return wanted.reduce((sum, label, row) => {
    const shares = softmax(logits, row, classes, scale).map((share) => Math.log(Math.max(share, 1e-30)));
    const others = shares.reduce((total, share, i) => total + (i === label ? 0 : share), 0);
    return sum - (1 - doubt) * shares[label]! - (doubt / (classes - 1)) * others;
  }, 0);
}

function top(values: readonly number[]): { at: number; value: number } {
  const value = Math.max(...values);
  return { at: values.indexOf(value), value };
}
