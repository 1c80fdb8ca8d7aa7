// N images of the batch, R rows that are looked at, D features, F of them shown, B bins, K prototypes.
// What a batch's embeddings look like, as small figures for a page. Nothing here draws at random or changes what it looks at.
import { type BuiltMethod, crossCorrelation } from "../../methods/index.ts";
import { lateStatistics } from "../../nn/index.ts";
import { indexTensor, type Late, late, noGrad, op, scope, type Tensor, tensor, zeros } from "../../torch/index.ts";
import { binStart } from "./feature-order.ts";

/** Rows beyond these say little more of a correlation, and cost as much as all before. */
const mostRows = 1024;
const spectrumRows = 256;
const similarityRows = 128;
/** Cosines that are counted. */
const mostSimilarities = 1 << 20;
const histogramBins = 40;
const spectrumPoints = 64;
export const mostBins = 64;
export const stdRange = [0, 2] as const;
export const similarityRange = [-1, 1] as const;

/** What one observation says of the embeddings; see docs/run-folder.md. */
export interface Figures {
  rows: number;
  matrix: Uint8Array; // [B, B]
  diagonal: Uint8Array; // [B]
  meanDiagonal: number;
  rmsOffDiagonal: number;
  largestOffDiagonal: number;
  spectrum: number[];
  effectiveRank: number;
  dead: number;
  stds: number[];
  similarities: { positives: number[]; negatives: number[] } | null;
  prototypes: { used: number[]; perplexity: number; count: number } | null;
}

export interface FigureOptions {
  /** Features in the order in which they are shown [F]. */
  order: readonly number[];
  bins: number;
  /** Whether the loss sees lengths: then stds are those of embeddings as they are. */
  comparesLengths?: boolean | undefined;
}

/** Figures of a batch's embeddings, to be read when the device has gone on to other work. */
export function lateFigures(
  method: Pick<BuiltMethod, "similarities" | "assignments">,
  embeddings: readonly Tensor[],
  { order, bins, comparesLengths = false }: FigureOptions,
): Late<Figures> {
  return scope(() =>
    noGrad(() => {
      const [a, b] = viewsOf(embeddings, mostRows); // 2 x [R, D]
      const parts = {
        correlation: lateCorrelation(columns(a, order), columns(b, order), bins),
        spectrum: lateSpectrum(a),
        statistics: lateStatistics(a, { comparesLengths }),
        stds: lateStds(a, comparesLengths),
        similarities: lateSimilarities(method, embeddings),
        prototypes: latePrototypes(method, embeddings),
      };
      return { read: () => figuresOf(a.size(0), parts) };
    }),
  );
}

/** The correlations of the first view's features with each other [F, F], row by row, by which they are ordered. */
export const ownCorrelations = (embeddings: readonly Tensor[], features: readonly number[]): Float32Array =>
  scope(() =>
    noGrad(() => {
      const own = columns(viewsOf(embeddings, mostRows)[0], features);
      return crossCorrelation(own, own).toDevice("cpu").data() as Float32Array;
    }),
  );

interface Parts {
  correlation: Late<Pick<Figures, "matrix" | "diagonal" | "meanDiagonal" | "rmsOffDiagonal" | "largestOffDiagonal">>;
  spectrum: Late<number[]>;
  statistics: ReturnType<typeof lateStatistics>;
  stds: Late<number[]>;
  similarities: Late<Figures["similarities"]> | null;
  prototypes: Late<Figures["prototypes"]> | null;
}

function figuresOf(rows: number, parts: Parts): Figures {
  const { effectiveRank, deadDimensions } = parts.statistics.read();
  return {
    rows,
    ...parts.correlation.read(),
    spectrum: parts.spectrum.read(),
    effectiveRank,
    dead: deadDimensions,
    stds: parts.stds.read(),
    similarities: parts.similarities?.read() ?? null,
    prototypes: parts.prototypes?.read() ?? null,
  };
}

/** The first two embeddings, which are of two views of the same pictures; one view is compared with itself. */
function viewsOf(embeddings: readonly Tensor[], most: number): [Tensor, Tensor] {
  const [a, b] = embeddings.slice(0, 2).map((rows) => firstRows(rows, most).to("float32"));
  return [a!, b ?? a!];
}

const firstRows = (rows: Tensor, most: number): Tensor => rows.detach().narrow(0, 0, Math.min(most, rows.size(0)));

const columns = (rows: Tensor, chosen: readonly number[]): Tensor =>
  rows.indexSelect(1, indexTensor(chosen, rows.device)); // [R, F]

// ---- the matrix ----

function lateCorrelation(a: Tensor, b: Tensor, bins: number): Parts["correlation"] {
  const F = a.size(1);
  const c = crossCorrelation(a, b); // [F, F]
  const own = c.diagonal().clone(); // [F]
  c.diagonal().fill_(0);
  const starts = Array.from({ length: bins + 1 }, (_, bin) => binStart(bin, bins, F));
  const squares = blockSums(c.square(), starts); // [B, B], without the diagonal
  return late([squares, own, c.abs().amax()], (sums, diagonal, most) => {
    const values = diagonal!.data() as Float32Array;
    const cells = sums!.data() as Float32Array;
    const sum = cells.length * meanOf(cells);
    return {
      matrix: cellsOf(cells, starts),
      diagonal: diagonalOf(values, starts),
      meanDiagonal: meanOf(values),
      rmsOffDiagonal: F > 1 ? Math.sqrt(sum / (F * (F - 1))) : 0,
      largestOffDiagonal: most!.item(),
    };
  });
}

/** Sums over blocks of neighbouring rows and columns: M X Mᵀ, M [B, F] with a 1 where a feature is in a bin. */
function blockSums(values: Tensor, starts: readonly number[]): Tensor {
  const [bins, F] = [starts.length - 1, values.size(0)];
  const member = new Float32Array(bins * F);
  for (let bin = 0; bin < bins; bin++) member.fill(1, bin * F + starts[bin]!, bin * F + starts[bin + 1]!);
  const m = tensor(member, [bins, F], { device: values.device });
  return m.matmul(values).matmul(m.T); // [B, B]
}

const byte = (share: number): number => Math.round(255 * Math.min(1, Math.max(0, share)));

/** Root mean squares of the blocks, as bytes u with (u / 255)² the value. */
function cellsOf(sums: Float32Array, starts: readonly number[]): Uint8Array {
  const bins = starts.length - 1;
  return Uint8Array.from(sums, (sum, i) => {
    const [row, column] = [Math.floor(i / bins), i % bins];
    const [height, width] = [row, column].map((bin) => starts[bin + 1]! - starts[bin]!) as [number, number];
    const count = height * width - (row === column ? height : 0);
    return count > 0 ? byte((Math.max(0, sum) / count) ** 0.25) : 0;
  });
}

const diagonalOf = (values: Float32Array, starts: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: starts.length - 1 }, (_, bin) =>
    byte((meanOf(values.subarray(starts[bin]!, starts[bin + 1]!)) + 1) / 2),
  );

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

// ---- spread ----

/** Eigenvalues of the covariance of the first rows as shares of their sum, the largest first (arXiv 2110.09348, figure 2). */
function lateSpectrum(rows: Tensor): Late<number[]> {
  const first = firstRows(rows, spectrumRows).to("float64");
  const centred = first.sub(first.mean({ dim: 0, keepDim: true })); // [R, D]
  const gram = centred.size(0) < centred.size(1) ? centred.matmul(centred.T) : centred.T.matmul(centred);
  return late([gram], (own) => {
    if (!Number.isFinite(own!.sum().item())) return [];
    const values = (op.linalg_eigvalsh(own!).data() as Float64Array).map((value) => Math.max(0, value)).reverse();
    const sum = values.reduce((total, value) => total + value, 0);
    return averaged(
      values.map((value) => (sum > 0 ? value / sum : 0)),
      spectrumPoints,
    );
  });
}

/** Means over equal stretches, at most so many. */
function averaged(values: Float64Array, most: number): number[] {
  const count = Math.min(most, values.length);
  return Array.from({ length: count }, (_, i) =>
    meanOf(values.subarray(binStart(i, count, values.length), binStart(i + 1, count, values.length))),
  );
}

/** How many features have which std; of unit-length rows times √D, as `featureStd` has it. */
function lateStds(rows: Tensor, comparesLengths: boolean): Late<number[]> {
  const length = rows.norm({ dim: 1, keepDim: true }).clamp({ min: 1e-12 });
  const spread = comparesLengths ? rows : rows.div(length).mul(Math.sqrt(rows.size(1)));
  return late([histogram(spread.std({ dim: 0, unbiased: false }), stdRange)], countsOf);
}

/** Counts in equal bins [40], what lies beyond either end in the last one there. */
function histogram(values: Tensor, [low, high]: readonly [number, number]): Tensor {
  const flat = values.flatten().to("float32");
  const places = flat
    .sub(low)
    .mul(histogramBins / (high - low))
    .floor()
    .clamp({ min: 0, max: histogramBins - 1 });
  const counts = zeros([histogramBins], { device: flat.device });
  return op.scatter_add_(counts, 0, places.to("int64"), op.ones_like(flat));
}

const countsOf = (counts: Tensor): number[] => Array.from(counts.data() as Float32Array);

// ---- what single methods show ----

function lateSimilarities(
  method: Pick<BuiltMethod, "similarities">,
  embeddings: readonly Tensor[],
): Parts["similarities"] {
  if (!method.similarities || embeddings[0]!.size(0) < 2) return null;
  const { positives, negatives } = method.similarities(embeddings.map((rows) => firstRows(rows, similarityRows)));
  const all = negatives.flatten();
  const some = all.narrow(0, 0, Math.min(mostSimilarities, all.size(0)));
  const histograms = [positives, some].map((cosines) => histogram(cosines, similarityRange));
  return late(histograms, (own, others) => ({ positives: countsOf(own!), negatives: countsOf(others!) }));
}

function latePrototypes(method: Pick<BuiltMethod, "assignments">, embeddings: readonly Tensor[]): Parts["prototypes"] {
  if (!method.assignments) return null;
  const scores = method.assignments(embeddings.map((rows) => firstRows(rows, mostRows))); // [R, K]
  const [rows, count] = [scores.size(0), scores.size(1)];
  return late([scores.argmax(1)], (chosen) => {
    const uses = new Float64Array(count);
    for (const prototype of chosen!.data() as BigInt64Array) uses[Number(prototype)]! += 1 / rows;
    const entropy = uses.reduce((sum, use) => sum - (use > 0 ? use * Math.log(use) : 0), 0);
    return { used: averaged(uses.sort().reverse(), spectrumPoints), perplexity: Math.exp(entropy), count };
  });
}
