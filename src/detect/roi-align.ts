// N images, C channels, H height and W width of their maps, R boxes in all, P places along a side, S samples of a place along a side
import { arange, cat, full, op, scope, type Tensor, torchvisionProblem, where } from "../torch/index.ts";

export interface RoiAlignOptions {
  /** Places along each side of the result. */
  size: number;
  /** Places of the map for a pixel of the picture, such as 1/16. */
  scale: number;
  /** Samples of a place along each side; 0 (default): as many as the map has places there, at least one. */
  samples?: number;
  /** Whether a map's values stand at the middle of their places (detectron2). Default true; false: at their corner (the first version). */
  isAligned?: boolean;
}

/**
 * What a map shows within boxes, brought to P x P places: at each the mean of S x S bilinear samples (arXiv 1703.06870, section 3).
 * Maps [N, C, H, W], for each image its boxes [R_i, 4] in pixels; result [R, C, P, P] in their order, with gradients for the maps.
 * By torchvision's operator on a GPU, where it is there; on a processor its gradient takes several times as long as ours.
 */
export const roiAlign = (maps: Tensor, boxes: readonly Tensor[], options: RoiAlignOptions): Tensor =>
  maps.device === "cpu" || torchvisionProblem() !== null
    ? plainRoiAlign(maps, boxes, options)
    : torchvisionRoiAlign(maps, boxes, options);

/** Only where `torchvisionProblem()` is null. */
export function torchvisionRoiAlign(maps: Tensor, boxes: readonly Tensor[], options: RoiAlignOptions): Tensor {
  const { size, scale, samples = 0, isAligned = true } = options;
  return scope(() => {
    const rows = boxes.map((own, i) => cat([full([own.size(0), 1], i, { device: own.device }), own.to("float32")], 1));
    return op.roi_align(maps, cat(rows), scale, size, size, samples, isAligned); // [R, C, P, P]
  });
}

/**
 * The same without torchvision. Bilinear sampling is separable, so each box is two small matrices: rows · map · columnsᵀ, with a
 * product's gradient. Memory: R P W C values.
 */
export function plainRoiAlign(maps: Tensor, boxes: readonly Tensor[], options: RoiAlignOptions): Tensor {
  return scope(() => cat(boxes.map((own, image) => alignedIn(maps.select(0, image), own, options))));
}

function alignedIn(map: Tensor, boxes: Tensor, options: RoiAlignOptions): Tensor {
  const [C, H, W] = map.shape as [number, number, number];
  const [R, P] = [boxes.size(0), options.size];
  const down = samplingMatrix(boxes, 1, H, options); // [R, P, H]
  const across = samplingMatrix(boxes, 0, W, options); // [R, P, W]
  const rows = down.reshape(R * P, H).matmul(map.permute(1, 2, 0).reshape(H, W * C)); // [R P, W C]
  const columns = across
    .unsqueeze(1)
    .expand(R, P, P, W)
    .reshape(R * P, P, W);
  return columns
    .bmm(rows.reshape(R * P, W, C))
    .reshape(R, P, P, C)
    .permute(0, 3, 1, 2); // [R, C, P, P]
}

/** How much each of `length` values along an axis (0: x, 1: y) gives to each place of each box, [R, P, length]. */
export function samplingMatrix(boxes: Tensor, axis: number, length: number, options: RoiAlignOptions): Tensor {
  const { size: P, scale, samples = 0, isAligned = true } = options;
  const { device } = boxes;
  const R = boxes.size(0);
  const shift = isAligned ? -0.5 : 0;
  const start = boxes.select(1, axis).mul(scale).add(shift); // [R]
  const end = boxes
    .select(1, axis + 2)
    .mul(scale)
    .add(shift);
  const extent = isAligned ? end.sub(start) : end.sub(start).clamp({ min: 1 }); // [R]
  const counts = samples > 0 ? extent.zerosLike().fill_(samples) : ceil(extent.div(P)); // [R]
  const S = samples > 0 ? samples : R === 0 ? 1 : Math.max(1, counts.amax().item());
  const sample = arange(S, { device }).reshape(1, 1, S); // [1, 1, S]
  const count = counts.reshape(R, 1, 1);
  const place = arange(P, { device })
    .reshape(1, P, 1)
    .add(sample.add(0.5).div(count.clamp({ min: 1 }))); // [R, P, S]
  const at = start.reshape(R, 1, 1).add(place.mul(extent.div(P).reshape(R, 1, 1))); // [R, P, S]
  const isCounted = sample.lt(count).logicalAnd(at.ge(-1)).logicalAnd(op["le.Scalar"](at, length));
  const within = at.clamp({ min: 0, max: length - 1 }).unsqueeze(3); // [R, P, S, 1]
  const near = arange(length, { device }).sub(within).abs().rsub(1).relu(); // [R, P, S, length]
  const weight = where(isCounted, count.clamp({ min: 1 }).pow(-1).expand(R, P, S), at.zerosLike()); // [R, P, S]
  return near.mul(weight.unsqueeze(3)).sum({ dim: 2 }); // [R, P, length]
}

const ceil = (value: Tensor): Tensor => value.neg().floor().neg();
