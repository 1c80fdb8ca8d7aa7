// N rows of the bank, M queries, D features, k neighbours, B queries of a block
import { noGrad, scope, type Tensor } from "../torch/index.ts";
import { type FeatureTable, featureTensor } from "./features.ts";
import { unitLength } from "./protocols/knn.ts";

/** Of each query the rows of the bank that are most similar to it by cosine, nearest first. */
export interface Neighbours {
  /** Neighbours of each query: as many as were asked for, fewer of a small bank. */
  count: number;
  places: Int32Array; // [M, k]
  similarities: Float32Array; // [M, k]
}

export interface NeighbourOptions {
  /** The queries are the bank itself, and no row is its own neighbour. Default false. */
  isBank?: boolean;
  /** Where products are computed. Default "cpu". */
  device?: string;
}

/** Similarities that are held at once, 128 MB. */
const mostSimilarities = 2 ** 25;

/** The `count` nearest of each query, exactly: a product with the whole bank, some queries at a time. */
export function nearestNeighbours(
  bank: FeatureTable,
  queries: FeatureTable,
  count: number,
  { isBank = false, device = "cpu" }: NeighbourOptions = {},
): Neighbours {
  const k = Math.min(count, bank.length - (isBank ? 1 : 0));
  const found = {
    count: k,
    places: new Int32Array(queries.length * k),
    similarities: new Float32Array(queries.length * k),
  };
  if (k === 0) return found;
  noGrad(() =>
    scope(() => {
      const columns = unitLength(featureTensor(bank, device)).T; // [D, N]
      const rows = unitLength(featureTensor(queries, device)); // [M, D]
      const size = Math.max(1, Math.floor(mostSimilarities / bank.length));
      for (let start = 0; start < queries.length; start += size)
        scope(() => {
          const block = rows.narrow(0, start, Math.min(size, queries.length - start)).matmul(columns); // [B, N]
          put(found, start, block, isBank);
        });
    }),
  );
  return found;
}

function put({ count, places, similarities }: Neighbours, start: number, block: Tensor, isBank: boolean): void {
  const width = isBank ? count + 1 : count;
  const [values, at] = block.topk(width); // [B, k]
  const [own, ownPlaces] = [values.float32(), at.to("int32").data() as Int32Array];
  for (let row = 0; row < block.size(0); row++) {
    let to = (start + row) * count;
    const end = to + count;
    for (let i = row * width; to < end; i++) {
      if (isBank && ownPlaces[i] === start + row) continue; // among equals it may not be there: then the last is left out
      places[to] = ownPlaces[i]!;
      similarities[to++] = own[i]!;
    }
  }
}
