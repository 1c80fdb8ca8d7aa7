// N embeddings, D features, R rows that are looked at (R ≤ 256)
import { CallError } from "../errors.ts";
import { type Late, late, noGrad, op, scope, stack, type Tensor } from "../torch/index.ts";

/** How a batch of embeddings is spread; NaN throughout where an embedding is not finite. */
export interface RepresentationStatistics {
  /**
   * Mean over features of the std of unit-length embeddings, times √D: 1 when spread evenly, 0 when all are one point. Of embeddings
   * as they are, without √D, where the loss wants a std of 1 of them.
   */
  featureStd: number;
  /** exp of the entropy of the normalised singular values (RankMe, arXiv 2210.02885, eq. 2): how many directions are in use. */
  effectiveRank: number;
  /** Features that do not vary over the batch. */
  deadDimensions: number;
}

/** More rows say little more and the eigenvalues cost their number cubed. */
const rowsLimit = 256;
/** A feature is dead when its std is below this share of the root mean square of all values. */
const deadShare = 1e-4;

/**
 * Statistics that show collapse, of embeddings [N, D], of the first 256 rows, without gradients. Singular values σ come from
 * the smaller Gram matrix, hence float64: there a rank of 1 stays 1, where float32 would leave √eps of each zero. As in the
 * paper the embeddings are not centred, p = σ / Σσ, rank = exp(−Σ p log p). Errors: configuration, when they are no matrix.
 */
export const representationStatistics = (embeddings: Tensor, options?: StatisticsOptions): RepresentationStatistics =>
  lateStatistics(embeddings, options).read();

export interface StatisticsOptions {
  /** Whether the std is that of embeddings as they are. Default false: of unit length. */
  comparesLengths?: boolean;
}

/** The same, to be read when the device has gone on to other work; the embeddings may be freed before. */
export function lateStatistics(
  embeddings: Tensor,
  { comparesLengths = false }: StatisticsOptions = {},
): Late<RepresentationStatistics> {
  expectMatrix(embeddings);
  return scope(() =>
    noGrad(() => {
      const rows = firstRows(embeddings); // [R, D]
      const spread = comparesLengths ? rows : unitLength(rows).mul(Math.sqrt(rows.size(1))); // [R, D]
      const stds = rows.std({ dim: 0, unbiased: false }); // [D]
      return late([meanStd(spread), gramOf(rows), stds, rows.square().mean()], statisticsOf);
    }),
  );
}

/**
 * How well two views of a picture find each other among those of the first 256: the share of other pictures whose second view is less
 * like the first than its twin is (cosine of centred rows; equally like counts half). 1: every view finds its twin; 0.5 is chance, and
 * all there is to find where a network says the same of every picture. a, b [N, R], N at least 2; NaN where a value is not finite.
 */
export const twinRecognition = (a: Tensor, b: Tensor): number => lateRecognition(a, b).read();

/** The same, to be read when the device has gone on to other work; a and b may be freed before. */
export const lateRecognition = (a: Tensor, b: Tensor): Late<number> =>
  scope(() => noGrad(() => recognitionOf(directions(firstRows(a)), directions(firstRows(b)))));

function recognitionOf(a: Tensor, b: Tensor): Late<number> {
  const N = a.size(0);
  const likeness = a.matmul(b.T); // [N, N], twins on the diagonal
  const twins = likeness.diagonal().reshape(N, 1); // [N, 1]
  const count = (pairs: Tensor) => pairs.to("float64").sum(); // []
  return late([likeness.sum(), count(twins.ge(likeness)), count(likeness.ge(twins))], (sum, atMost, atLeast) => {
    if (!Number.isFinite(sum!.item())) return Number.NaN;
    const notMore = atMost!.item() - N; // without the twins themselves
    const less = N * N - atLeast!.item();
    return (less + notMore) / 2 / (N * (N - 1));
  });
}

const directions = (rows: Tensor): Tensor => unitLength(rows.sub(rows.mean({ dim: 0, keepDim: true }))); // [R, D]

/** Whether all values are finite, by their norms: one pass over the memory. Values whose squares overflow count as lost too. */
export const areFinite = (tensors: readonly Tensor[]): boolean =>
  scope(() => noGrad(() => Number.isFinite(stack(op["_foreach_norm.Scalar"](tensors)).sum().item())));

const firstRows = (embeddings: Tensor): Tensor =>
  embeddings.narrow(0, 0, Math.min(embeddings.size(0), rowsLimit)).to("float64"); // [R, D]

function statisticsOf(std: Tensor, gram: Tensor, stds: Tensor, meanSquare: Tensor): RepresentationStatistics {
  const featureStd = std.item();
  if (!Number.isFinite(featureStd))
    return { featureStd: Number.NaN, effectiveRank: Number.NaN, deadDimensions: Number.NaN };
  const threshold = deadShare * Math.sqrt(meanSquare.item());
  return { featureStd, effectiveRank: effectiveRank(gram), deadDimensions: deadDimensions(stds, threshold) };
}

const meanStd = (rows: Tensor): Tensor => rows.std({ dim: 0, unbiased: false }).mean(); // []

const unitLength = (rows: Tensor): Tensor =>
  rows.div(rows.norm({ dim: 1, keepDim: true }).clamp({ min: Number.MIN_VALUE })); // [R, D]

const gramOf = (rows: Tensor): Tensor => (rows.size(0) < rows.size(1) ? rows.matmul(rows.T) : rows.T.matmul(rows)); // [R, R] or [D, D]

function effectiveRank(gram: Tensor): number {
  const squares = op.linalg_eigvalsh(gram).data() as Float64Array;
  const singular = squares.map((value) => Math.sqrt(Math.max(0, value)));
  const sum = singular.reduce((total, value) => total + value, 0);
  const shares = singular.map((value) => value / sum).filter((share) => share > 0); // none where all is zero: rank 1
  return Math.exp(-shares.reduce((entropy, share) => entropy + share * Math.log(share), 0));
}

const deadDimensions = (stds: Tensor, threshold: number): number =>
  (stds.data() as Float64Array).reduce((count, std) => count + (std <= threshold ? 1 : 0), 0);

function expectMatrix({ shape }: Tensor): void {
  if (shape.length === 2 && shape[0]! > 0 && shape[1]! > 0) return;
  throw new CallError(
    `representationStatistics: [${shape.join(", ")}]; a matrix [N, D] with at least one value is needed; give one batch's embeddings`,
  );
}
