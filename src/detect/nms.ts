// N boxes, K of them kept
import { indexTensor, op, scope, type Tensor, torchvisionProblem } from "../torch/index.ts";

export interface NmsOptions {
  /** Boxes that overlap a better one by more than this (intersection over union) are struck out. */
  threshold: number;
  /** Only so many of the best that stay are looked for. Default all. */
  most?: number;
}

/**
 * Places of the boxes that stay, the best first, when each strikes out those of lower score that overlap it; boxes [N, 4], scores [N],
 * result [K] int64. By torchvision's operator on a GPU, where it is there: on a processor ours is as fast, and ends when it has `most`.
 */
export function nms(boxes: Tensor, scores: Tensor, options: NmsOptions): Tensor {
  if (boxes.device === "cpu" || torchvisionProblem() !== null) return plainNms(boxes, scores, options);
  const kept = torchvisionNms(boxes, scores, options);
  return kept.narrow(0, 0, Math.min(kept.size(0), options.most ?? kept.size(0)));
}

/** Only where `torchvisionProblem()` is null. */
export const torchvisionNms = (boxes: Tensor, scores: Tensor, { threshold }: NmsOptions): Tensor =>
  op.nms(boxes, scores, threshold);

/** Boxes of several classes strike out those of their own only; classes [N] of the scores' type. */
export function nmsByClass(boxes: Tensor, scores: Tensor, classes: Tensor, options: NmsOptions): Tensor {
  if (boxes.size(0) === 0) return nms(boxes, scores, options);
  return scope(() => {
    const apart = boxes.amax().add(1); // []; shifted by it, boxes of different classes never meet
    return nms(boxes.add(classes.mul(apart).reshape(-1, 1)), scores, options);
  });
}

/** The same without torchvision: each box is held against those that are kept. */
export function plainNms(
  boxes: Tensor,
  scores: Tensor,
  { threshold, most = Number.POSITIVE_INFINITY }: NmsOptions,
): Tensor {
  const [corners, values] = [boxes.float32(), scores.float32()];
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);
  const kept = keptOf(corners, order, threshold, most);
  return indexTensor(kept, boxes.device);
}

/** In float32 throughout, as torchvision compares. */
function keptOf(corners: Float32Array, order: Uint32Array, threshold: number, most: number): Uint32Array {
  const kept = new Uint32Array(order.length);
  const areas = areasOf(corners);
  let count = 0;
  for (const box of order) {
    if (count >= most) break;
    if (!isStruckOut(box, kept, count, corners, areas, threshold)) kept[count++] = box;
  }
  return kept.slice(0, count);
}

function areasOf(corners: Float32Array): Float32Array {
  const { fround } = Math;
  const side = (box: number, axis: number) => fround(corners[4 * box + 2 + axis]! - corners[4 * box + axis]!);
  return Float32Array.from({ length: corners.length / 4 }, (_, box) => side(box, 0) * side(box, 1));
}

function isStruckOut(
  box: number,
  kept: Uint32Array,
  count: number,
  corners: Float32Array,
  areas: Float32Array,
  threshold: number,
): boolean {
  const { fround } = Math;
  const [x1, y1, x2, y2] = corners.subarray(4 * box, 4 * box + 4) as unknown as [number, number, number, number];
  for (let k = 0; k < count; k++) {
    const other = kept[k]!;
    const at = 4 * other;
    const left = Math.max(corners[at]!, x1);
    const right = Math.min(corners[at + 2]!, x2);
    if (right <= left) continue;
    const top = Math.max(corners[at + 1]!, y1);
    const bottom = Math.min(corners[at + 3]!, y2);
    if (bottom <= top) continue;
    const shared = fround(fround(right - left) * fround(bottom - top));
    if (fround(shared / fround(fround(areas[box]! + areas[other]!) - shared)) > threshold) return true;
  }
  return false;
}
