// N pictures, D features, k clusters, B rows of a block
import { type FeatureTable, featureTensor, unitLength } from "../../evaluate/index.ts";
import { keyedStream } from "../../random.ts";
import { indexTensor, noGrad, scope, type Tensor, zeros } from "../../torch/index.ts";

/** Groups of directions: each row belongs to the centre that it points most nearly to. */
export interface Clustering {
  k: number;
  /** The cluster of each row [N]. */
  clusters: Int32Array;
  /** Cosine of each row with its own centre [N]. */
  similarities: Float32Array;
  /** Cosine with the nearest other centre [N]; -1 where there is none. */
  nextSimilarities: Float32Array;
  /** Of unit length [k, D]. */
  centres: Float32Array;
  /** Mean cosine of the rows with their centres: what is made large. */
  cohesion: number;
}

const mostRounds = 50;
const seedKey = 0x6b6d6e73;

/**
 * Spherical k-means: rows of unit length, centres the directions of their members' sums, until no row changes (at most 50 rounds). First
 * centres by k-means++ with 1 - cosine (Arthur and Vassilvitskii 2007), drawn by (seed, k) and nothing else; a cluster that runs empty
 * takes the row that fits worst where it is.
 */
export function kMeans(table: FeatureTable, k: number, seed = 0): Clustering {
  return noGrad(() =>
    scope(() => {
      const rows = unitLength(featureTensor(table)); // [N, D]
      let centres = firstCentres(rows, k, seed); // [k, D]
      let found = assigned(rows, centres);
      for (let round = 0; round < mostRounds; round++) {
        const next = scope(() => moved(rows, found, k));
        centres.free();
        centres = next;
        const again = assigned(rows, centres);
        const isSettled = again.clusters.every((cluster, row) => cluster === found.clusters[row]);
        found = again;
        if (isSettled) break;
      }
      const cohesion = found.similarities.reduce((sum, own) => sum + own, 0) / table.length;
      return { k, ...found, centres: centres.float32(), cohesion };
    }),
  );
}

/** Each next centre is a row drawn in proportion to its distance from the centres before it. */
function firstCentres(rows: Tensor, k: number, seed: number): Tensor {
  const next = keyedStream(seed, seedKey, k);
  const chosen = [Math.floor(next() * rows.size(0))];
  const distances = distancesTo(rows, chosen[0]!);
  while (chosen.length < k) {
    chosen.push(drawn(distances, next()));
    const others = distancesTo(rows, chosen.at(-1)!);
    distances.forEach((own, row) => {
      distances[row] = Math.min(own, others[row]!);
    });
  }
  return rows.indexSelect(0, indexTensor(chosen));
}

/** 1 - cosine of each row with one of them. */
const distancesTo = (rows: Tensor, row: number): Float32Array =>
  scope(() => rows.matmul(rows.select(0, row).unsqueeze(1)).rsub(1).clamp({ min: 0 }).float32());

function drawn(weights: Float32Array, share: number): number {
  const total = weights.reduce((sum, own) => sum + own, 0);
  let left = share * total;
  for (const [row, own] of weights.entries()) {
    left -= own;
    if (left < 0) return row;
  }
  return weights.length - 1; // all rows are alike
}

type Assigned = Pick<Clustering, "clusters" | "similarities" | "nextSimilarities">;

function assigned(rows: Tensor, centres: Tensor): Assigned {
  return scope(() => {
    const width = Math.min(2, centres.size(0));
    const [values, places] = rows.matmul(centres.T).topk(width); // [N, 1 or 2]
    const [near, at] = [values.float32(), places.to("int32").data() as Int32Array];
    const pick = <T extends Float32Array | Int32Array>(from: T, offset: number) =>
      from.filter((_, i) => i % width === offset) as T;
    const similarities = pick(near, 0);
    return {
      clusters: pick(at, 0),
      similarities,
      nextSimilarities: width === 2 ? pick(near, 1) : similarities.map(() => -1),
    };
  });
}

/** Centres after the members as they are; a row is taken out of its cluster for one that is empty. */
function moved(rows: Tensor, { clusters, similarities }: Assigned, k: number): Tensor {
  const counts = new Int32Array(k);
  for (const cluster of clusters) counts[cluster]! += 1;
  const worst = counts.includes(0)
    ? Array.from(similarities.keys()).sort((a, b) => similarities[a]! - similarities[b]!)
    : [];
  const own = clusters.slice();
  for (let cluster = 0; cluster < k; cluster++) {
    if (counts[cluster] !== 0) continue;
    const row = worst.find((candidate) => counts[own[candidate]!]! > 1);
    if (row === undefined) continue;
    counts[own[row]!]! -= 1;
    counts[cluster] = 1;
    own[row] = cluster;
  }
  const index = indexTensor(own)
    .unsqueeze(1)
    .expand(...rows.shape); // [N, D]
  return unitLength(zeros([k, rows.size(1)]).scatterAdd_(0, index, rows)); // [k, D]
}
