// N images, D features, B of a batch
import { evaluationImages, makeViews, type PlacedBatch, type ViewRecipe } from "../../augment/index.ts";
import { type Dataset, sampleName } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { cat, noGrad, op, scope, type Tensor } from "../../torch/index.ts";
import {
  computedBatches,
  type ExtractOptions,
  type FeatureBatch,
  type FeatureTable,
  featureTensor,
} from "../features.ts";
import type { Representation } from "../representation.ts";
import { unitLength } from "./knn.ts";

/** What can be said of features without a label. */
export interface UnlabelledQuality {
  /** Effective rank, 1 to the smaller of N and D; larger is better (arXiv 2210.02885, eq. 1). */
  rankMe: number;
  /** Mean squared distance of two views of an image at length 1, 0 to 4; smaller is better (arXiv 2005.10242, eq. 1). */
  alignment: number;
  /** ln of the mean of exp(-2 d²) over pairs of images at length 1, -8 to 0; smaller is better (arXiv 2005.10242, eq. 2). */
  uniformity: number;
  images: number;
  dimensions: number;
}

/** Rows of one table are views of the same pictures as those of the other. */
export interface ViewedFeatures {
  /** Pictures as they are measured. */
  plain: FeatureTable;
  views: readonly [FeatureTable, FeatureTable];
}

/** RankMe, alignment and uniformity. Errors: data, for fewer than two pictures; numerics, for features that are all zero. */
export function unlabelledQuality({ plain, views }: ViewedFeatures, device = "cpu"): UnlabelledQuality {
  if (plain.length < 2)
    throw new SelfsightError(
      "data",
      `unlabelled: ${plain.length} images; two or more are needed, a few hundred better; add images`,
    );
  return noGrad(() =>
    scope(() => ({
      rankMe: rankMe(featureTensor(plain, device)),
      alignment: alignment(featureTensor(views[0], device), featureTensor(views[1], device)),
      uniformity: uniformity(featureTensor(plain, device)),
      images: plain.length,
      dimensions: plain.dimensions,
    })),
  );
}

/**
 * exp(-Σ p ln p), p = σ / Σ σ + 1e-7, σ the singular values of the features [N, D], which are not centred. Here σ² are the eigenvalues of
 * the smaller product of the table with itself, in double precision.
 */
export function rankMe(features: Tensor): number {
  const exact = features.to("float64");
  const product = exact.size(0) < exact.size(1) ? exact.matmul(exact.T) : exact.T.matmul(exact);
  const singular = Array.from(op.linalg_eigvalsh(product).data() as Float64Array, (value) =>
    Math.sqrt(Math.max(0, value)),
  );
  const sum = singular.reduce((total, value) => total + value, 0);
  if (!(sum > 0))
    throw new SelfsightError(
      "numerics",
      "unlabelled: all features are zero; features that vary are needed; use another checkpoint",
    );
  return Math.exp(
    -singular.reduce((entropy, value) => entropy + (value / sum + 1e-7) * Math.log(value / sum + 1e-7), 0),
  );
}

/** E ‖f(x) - f(x⁺)‖², rows [N, D] of length 1. */
export const alignment = (first: Tensor, second: Tensor): number =>
  unitLength(first).sub(unitLength(second)).square().sum({ dim: 1 }).mean().item();

/** Rows that are compared with all others at one time. */
const rowsAtOnce = 1024;

/** ln E exp(-2 ‖f(x) - f(y)‖²) over the pairs x ≠ y, rows [N, D] of length 1. */
export function uniformity(features: Tensor): number {
  const rows = unitLength(features);
  const count = rows.size(0);
  let sum = -count; // of each row with itself: exp(0)
  for (let start = 0; start < count; start += rowsAtOnce)
    sum += scope(() => {
      const some = rows.narrow(0, start, Math.min(rowsAtOnce, count - start));
      return some.matmul(rows.T).sub(1).mul(4).clamp({ max: 0 }).exp().to("float64").sum().item(); // -2 d² = 4 cos - 4
    });
  return Math.log(Math.max(sum, Number.MIN_VALUE) / (count * (count - 1)));
}

/**
 * Features of each picture as it is measured and of two views of it; views are keyed by (seed, picture). Among several processes they are
 * in the first, and none in the others.
 */
export async function viewedFeatures(
  representation: Representation,
  dataset: Dataset,
  {
    views,
    seed = 0,
    reading = {},
  }: { views: readonly [ViewRecipe, ViewRecipe]; seed?: number; reading?: ExtractOptions },
): Promise<ViewedFeatures> {
  const { device } = representation;
  const parts: FeatureBatch[] = [];
  const featuresOf = (batch: PlacedBatch) =>
    scope(() => {
      const images = [evaluationImages(batch, representation), ...makeViews(batch, views, { seed, device })];
      const each = images.map((own) => finiteFeatures(representation, own, sampleName(dataset, batch.indices[0]!)));
      return cat(each, 1).float32(); // [B, 3 D]
    });
  for await (const rows of computedBatches(representation, dataset, featuresOf, reading)) parts.push(rows);
  const [plain, first, second] = [0, 1, 2].map((third) => columnsOf(parts, third));
  return { plain: plain!, views: [first!, second!] };
}

function finiteFeatures({ name, forward }: Representation, images: Tensor, place: string): Tensor {
  const features = noGrad(() => forward(images).to("float32")); // [B, D]
  if (features.isFinite().all().item() === 1) return features;
  throw new SelfsightError(
    "numerics",
    `unlabelled: ${name} gives values that are not finite in the batch from ${place}; finite features are needed; use an earlier checkpoint`,
  );
}

/** One of the three blocks of columns, [N, 3 D] to [N, D]. */
function columnsOf(parts: readonly FeatureBatch[], third: number): FeatureTable {
  const length = parts.reduce((sum, { indices }) => sum + indices.length, 0);
  const width = length === 0 ? 0 : parts[0]!.values.length / parts[0]!.indices.length;
  const dimensions = width / 3;
  const values = new Float32Array(length * dimensions);
  let row = 0;
  for (const part of parts)
    for (let start = third * dimensions; start < part.values.length; start += width)
      values.set(part.values.subarray(start, start + dimensions), row++ * dimensions);
  return { values, length, dimensions };
}
