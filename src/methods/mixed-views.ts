// N images (global batch), n of them in this process, S side of a view, D embedding features.  Mixed Barlow Twins, arXiv 2312.02151
import { z } from "zod";
import { SelfsightError } from "../errors.ts";
import { keyedStream } from "../random.ts";
import { noGrad, type Tensor } from "../torch/index.ts";
import { type RunShape, type StepContext, stepNumber } from "./method.ts";
import { inFloat32, restOf } from "./parts.ts";

export const mixingOption = z
  .number()
  .nonnegative()
  .max(1000)
  .default(0)
  .describe(
    "weight of a third view, mixed of both, whose correlations are asked to be those of what it is mixed of; 0: none",
  );

/** Keeps the shares of the mixtures apart from other uses of the seed. */
const mixingKey = 0x6d6978;

/** The first view's share in a step's mixtures, even in [0, 1) as Beta(1, 1) is: a function of (seed, step). */
export const mixedShare = ({ seed, step }: Pick<StepContext, "seed" | "step">): number =>
  keyedStream(seed, step, mixingKey)();

/**
 * What is mixed with each row: that of its neighbour, rows 0 and 1 exchanged, 2 and 3, ... As every epoch brings the images in a new
 * order that is a random partner, and one that is at hand in every part of the batch.
 */
export const partnersOf = (rows: Tensor): Tensor =>
  rows
    .reshape(rows.size(0) / 2, 2, ...rows.shape.slice(1))
    .flip(1)
    .reshape(...rows.shape);

/** Why these views and batches cannot be mixed, in a sentence's end; undefined where they can. */
export function unmixable(mixing: number, { batchSize, microBatch, views }: RunShape): string | undefined {
  if (mixing === 0) return undefined;
  const [a, b] = views.map(({ size }) => size);
  const odd = [batchSize, microBatch ?? batchSize].find((images) => images % 2 === 1);
  if (odd !== undefined) return `mixing ${mixing} with ${unpaired(odd)}`;
  if (a === b) return undefined;
  return `mixing ${mixing} with views of ${a} and ${b} pixels; two of one size are mixed; give views.0.size and views.1.size one value`;
}

const unpaired = (images: number): string =>
  `${images} images that pass through the network together; an even number is needed, as each is mixed with its neighbour; give an even --batch, and microBatch, for each of the processes`;

/**
 * α xA + (1 − α) of the partner's xB, the first two views [n, 3, S, S], n even. Errors: configuration, when this process's part of the
 * batch leaves an image without a partner.
 */
export function mixedViews([a, b]: readonly Tensor[], context: StepContext): Tensor {
  if (a!.size(0) % 2 === 1) throw new SelfsightError("configuration", `mixing: ${unpaired(a!.size(0))}`);
  const share = stepNumber(context, mixedShare);
  return noGrad(() => a!.mul(share).add(partnersOf(b!).mul(restOf(share)))).contiguous("channels_last");
}

/**
 * Correlations of the mixtures with both views, against those of what they were mixed of; the partner's rows are P zB.
 *
 * R = ẑM − α ẑA − (1 − α) P ẑB, loss = ‖Rᵀ ẑA / N‖² + ‖Rᵀ ẑB / N‖² with ẑ standardised over the batch (biased variance, eps 1e-5):
 * the regulariser of arXiv 2312.02151 as its code has it, without its weights; the cross-correlations and the expected ones subtracted before
 * they are multiplied out. zA, zB, zM [N, D], N even, any float type, computed in float32; returns [] with gradients to all three.
 */
export const mixedLoss = (zA: Tensor, zB: Tensor, zM: Tensor, share: number | Tensor): Tensor =>
  inFloat32([zA, zB, zM], (...embeddings) => {
    const [a, b, mixed] = embeddings.map(standardized) as [Tensor, Tensor, Tensor]; // 3 x [N, D]
    const rest = mixed.sub(a.mul(share)).sub(partnersOf(b).mul(restOf(share))); // [N, D]
    const squared = (view: Tensor) => rest.T.matmul(view).div(view.size(0)).square().sum();
    return squared(a).add(squared(b));
  });

/** Zero mean and unit variance of each feature over the batch. */
function standardized(rows: Tensor): Tensor {
  const centred = rows.sub(rows.mean({ dim: 0, keepDim: true }));
  return centred.mul(centred.square().mean({ dim: 0, keepDim: true }).add(1e-5).rsqrt());
}
