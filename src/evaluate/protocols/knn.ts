// N images of the bank, M queries, D features, C classes, k neighbours
import { SelfsightError } from "../../errors.ts";
import { cat, noGrad, scope, type Tensor, tensor, zeros } from "../../torch/index.ts";
import { type Evaluation, labelledTask, score } from "../evaluation.ts";
import { type Features, featureTensor } from "../features.ts";

export interface WeightedKnn {
  bank: Tensor; // [N, D]
  bankLabels: Int32Array; // [N], 0 to C - 1
  queries: Tensor; // [M, D]
  k: number;
  temperature: number;
  classes: number;
  /** Scores held at one time; the whole table of M x N never is. Default 2^24 (64 MiB). */
  scoresAtOnce?: number;
}

/**
 * The class of each query by its k nearest neighbours: weights exp(s / T) of the cosine similarity s, summed for each class;
 * the largest sum wins (arXiv 1805.01978, section 3.4).
 *
 * Returns predictions [M]. Errors: configuration, when k is no whole number from 1 to N or T is not positive.
 */
export function weightedKnn(options: WeightedKnn): { predictions: Int32Array } {
  const { bank, bankLabels, queries, scoresAtOnce = 2 ** 24 } = options;
  checkKnn(options);
  const [N, M] = [bank.size(0), queries.size(0)];
  const rows = Math.max(1, Math.floor(scoresAtOnce / N));
  const starts = Array.from({ length: Math.ceil(M / rows) }, (_, i) => i * rows);
  return noGrad(() =>
    scope(() => {
      const memory = unitLength(bank); // [N, D]
      const labels = tensor(bankLabels, [N], { device: bank.device }).to("int64"); // [N]
      const classesOf = (start: number) =>
        scope(() => vote(unitLength(queries.narrow(0, start, Math.min(rows, M - start))), memory, labels, options));
      return { predictions: cat(starts.map(classesOf)).to("int32").data() as Int32Array };
    }),
  );
}

/** Classes [rows] of a chunk of queries. Weights are taken relative to the nearest neighbour, so that none overflows. */
function vote(queries: Tensor, memory: Tensor, labels: Tensor, { k, temperature, classes }: WeightedKnn): Tensor {
  const [similarities, neighbours] = queries.matmul(memory.T).topk(k); // [rows, k] both
  const weights = similarities
    .sub(similarities.narrow(1, 0, 1))
    .div(temperature)
    .exp(); // [rows, k]
  const voters = labels.indexSelect(0, neighbours.flatten()).reshape(...neighbours.shape); // [rows, k]
  return zeros([queries.size(0), classes], { device: queries.device })
    .scatterAdd_(1, voters, weights)
    .argmax(1);
}

/** Rows scaled to length 1; a row of zeros stays one. */
export const unitLength = (rows: Tensor): Tensor =>
  rows.div(rows.norm({ dim: 1, keepDim: true }).clamp({ min: 1e-12 }));

function checkKnn({ k, temperature, bank }: WeightedKnn): void {
  if (!Number.isInteger(k) || k < 1 || k > bank.size(0))
    throw refusal(`k is ${k}`, `a whole number from 1 to ${bank.size(0)}, the size of the bank, is needed`);
  if (!(temperature > 0)) throw refusal(`the temperature is ${temperature}`, "a number above 0 is needed");
}

const refusal = (given: string, needed: string) =>
  new SelfsightError("configuration", `knn: ${given}; ${needed}; leave k and temperature out for the usual ones`);

export interface KnnOptions {
  /** Default `usualNeighbours`; a smaller bank is taken whole, and the result says so. */
  k?: number;
  /** Default 0.1. */
  temperature?: number;
  /** Where scores are computed. Default "cpu". */
  device?: string;
}

/** The papers' k. */
const mostNeighbours = 200;

/**
 * The usual k: 200 as in the papers, where that is no more than a fifth of a class (N / C images). 200 of a bank of 5,000 with ten
 * classes would ask for two fifths of a class, and measure how tightly the whole class lies rather than who is near.
 */
export const usualNeighbours = (images: number, classes: number): number =>
  Math.min(mostNeighbours, Math.max(1, Math.floor(images / classes / 5)));

/** The protocol knn-v1: `weightedKnn` of the queries over the bank, one answer for each query. */
export function evaluateKnn(
  bank: Features,
  queries: Features,
  { k, temperature = 0.1, device = "cpu" }: KnnOptions = {},
): Evaluation {
  const task = labelledTask(bank, queries);
  const wanted = k ?? usualNeighbours(bank.length, task.classes.length);
  const neighbours = Math.min(wanted, bank.length);
  const { predictions } = scope(() =>
    weightedKnn({
      bank: featureTensor(bank, device),
      bankLabels: task.bankLabels,
      queries: featureTensor(queries, device),
      k: neighbours,
      temperature,
      classes: task.classes.length,
    }),
  );
  const notes = neighbours < wanted ? [`k was ${wanted}; the bank has ${bank.length} images, so all of them vote`] : [];
  return { protocol: `knn-v1 k=${neighbours} T=${temperature}`, ...score(task, predictions), notes };
}
