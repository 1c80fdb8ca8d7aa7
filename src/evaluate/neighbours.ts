// N images of the bank, M queries, D features, k neighbours
import { noGrad, scope } from "../torch/index.ts";
import { type Features, featureTensor } from "./features.ts";
import { unitLength } from "./protocols/knn.ts";

/** The rows of the bank that are most similar to each query by cosine, nearest first: M lists of `count`, fewer of a small bank. */
export function nearestNeighbours(bank: Features, queries: Features, count: number): number[][] {
  const k = Math.min(count, bank.length);
  const places = noGrad(() =>
    scope(() => {
      const similarities = unitLength(featureTensor(queries)).matmul(unitLength(featureTensor(bank)).T); // [M, N]
      return similarities.topk(k)[1].to("int32").data() as Int32Array; // [M, k]
    }),
  );
  return Array.from({ length: queries.length }, (_, query) => Array.from(places.subarray(query * k, (query + 1) * k)));
}
