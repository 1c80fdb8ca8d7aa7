// R boxes, K classes
import { indexTensor, op, type Tensor } from "../torch/index.ts";

/** Sum over all values of 0.5 d² / β where |d| < β, else |d| − 0.5 β; of |d| where β is 0 (arXiv 1504.08083, eq. 3). */
export function smoothL1Sum(values: Tensor, targets: Tensor, beta: number): Tensor {
  if (beta === 0) return values.sub(targets).abs().sum();
  return op.smooth_l1_loss(values, targets, sum, beta);
}

/** Sum of −log σ(x) where the target is 1 and −log(1 − σ(x)) where it is 0, over all values. */
export const binaryCrossEntropySum = (logits: Tensor, targets: Tensor): Tensor =>
  op.binary_cross_entropy_with_logits(logits, targets, null, null, sum);

/** libtorch's number of a reduction. */
const sum = 2;

/** Rows of a tensor by place. */
export const rowsAt = (rows: Tensor, places: ArrayLike<number>): Tensor =>
  rows.indexSelect(0, indexTensor(places, rows.device));
