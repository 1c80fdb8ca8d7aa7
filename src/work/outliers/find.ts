// N pictures, k neighbours of each
import { CallError, SelfsightError } from "../../errors.ts";
import { nearestNeighbours } from "../../evaluate/index.ts";
import { type FeatureOptions, featuresOf, type OpenWork } from "../open-work.ts";
import { pictureName } from "../pictures.ts";

export interface OutlierOptions extends FeatureOptions {
  /** Neighbours whose distance counts. Default 10, fewer of a small folder. */
  neighbours?: number | undefined;
}

export interface NearPicture {
  name: string;
  index: number;
}

export interface RankedPicture extends NearPicture {
  /** Mean distance 1 - cosine to its nearest pictures, 0 to 2. */
  distance: number;
  /** Whether it lies beyond the limit. */
  isOutlier: boolean;
  /** The nearest to it, so that one sees what it is far from. */
  nearest: NearPicture[];
}

export interface Outliers {
  representation: string;
  data: string;
  pictures: number;
  neighbours: number;
  /** Median distance of all pictures. */
  median: number;
  /** Third quartile + 1.5 x the range between the quartiles (Tukey 1977): beyond it a picture counts as an outlier. */
  limit: number;
  /** All pictures, the farthest from the others first. */
  ranked: RankedPicture[];
  badFiles: { name: string; reason: string }[];
}

const nearestShown = 3;

/** Of what is open. Errors: data, numerics. */
export async function outliersOf(work: OpenWork, options: OutlierOptions): Promise<Outliers> {
  const { neighbours = 10 } = options;
  if (!Number.isInteger(neighbours) || neighbours < 1)
    throw new CallError(`outliers: neighbours ${neighbours}; a whole number from 1 is needed; leave it out for 10`);
  const features = await featuresOf(work, options);
  if (features.length < 3)
    throw new SelfsightError(
      "data",
      `outliers: ${features.dataset} has ${features.length} pictures; three or more are needed to be unlike the others; add pictures`,
    );
  const { dataset } = work.pictures;
  const { places, similarities, count } = nearestNeighbours(features, features, neighbours, { isBank: true });
  const distances = Float32Array.from({ length: features.length }, (_, row) => {
    const own = similarities.subarray(row * count, (row + 1) * count);
    return own.reduce((sum, similarity) => sum + 1 - similarity, 0) / count;
  });
  const { median, limit } = fence(distances);
  const pictureAt = (row: number): NearPicture => {
    const index = features.indices[row]!;
    return { name: pictureName(dataset, index), index };
  };
  const order = Array.from(distances.keys()).sort((a, b) => distances[b]! - distances[a]! || a - b);
  return {
    representation: work.representation.name,
    data: dataset.name,
    pictures: features.length,
    neighbours: count,
    median,
    limit,
    ranked: order.map((row) => ({
      ...pictureAt(row),
      distance: distances[row]!,
      isOutlier: distances[row]! > limit,
      nearest: Array.from(places.subarray(row * count, row * count + Math.min(count, nearestShown)), pictureAt),
    })),
    badFiles: features.badFiles.map(({ name, reason }) => ({ name, reason })),
  };
}

function fence(values: Float32Array): { median: number; limit: number } {
  const ordered = values.slice().sort();
  const at = (share: number) => ordered[Math.floor(share * (ordered.length - 1))]!;
  const [low, high] = [at(0.25), at(0.75)];
  return { median: at(0.5), limit: high + 1.5 * (high - low) };
}
