// R boxes, C channels, K classes, P places along a side of a mask, H and W the sides of a picture
import { Conv2d, Doubling2d, Module } from "../nn/index.ts";
import { indexTensor, noGrad, op, scope, type Tensor } from "../torch/index.ts";
import type { ImageSize } from "./boxes.ts";
import { rowsAt } from "./losses.ts";
import { samplingMatrix } from "./roi-align.ts";
import { partOf } from "./whole-batch.ts";

/** Maps [R, C, P / 2, P / 2] of boxes to a mask for each class (arXiv 1703.06870, section 3.1; the C4 network has no more layers). */
export class MaskPredictor extends Module {
  readonly conv5_mask: Doubling2d;
  readonly mask_fcn_logits: Conv2d;

  constructor(channels: number, classes: number, { hidden = 256 } = {}) {
    super();
    this.conv5_mask = new Doubling2d(channels, hidden);
    this.mask_fcn_logits = new Conv2d(hidden, classes + 1, 1, { bias: true, std: 0.001 });
  }

  /** Logits [R, K + 1, P, P], float32; class 0 is the background's place and never asked for. */
  override forward(maps: Tensor): Tensor {
    return this.mask_fcn_logits.forward(this.conv5_mask.forward(maps).relu_()).to("float32");
  }
}

/** Each row's mask of its own class: logits [R, K + 1, P, P], classes [R], result [R, P, P]. */
export function ofOwnClass(logits: Tensor, classes: Int32Array): Tensor {
  const [R, count, P] = logits.shape as [number, number, number];
  const places = Array.from(classes, (label, row) => row * count + label);
  return rowsAt(logits.reshape(R * count, P, P), places);
}

/**
 * What masks should be within boxes: each box's true bitmap brought to P x P places as `roiAlign` does it, 1 where at least half is
 * covered. Bitmaps [G, H, W] uint8, boxes [R, 4], matches [R], result [R, P, P] of 0 and 1.
 */
export function maskTargets(bitmaps: Tensor, boxes: Tensor, matches: ArrayLike<number>, size: number): Tensor {
  return noGrad(() =>
    scope(() => {
      const [, H, W] = bitmaps.shape as [number, number, number];
      const own = bitmaps.indexSelect(0, indexTensor(matches, bitmaps.device)).to("float32"); // [R, H, W]
      const options = { size, scale: 1 };
      const rows = samplingMatrix(boxes, 1, H, options).bmm(own); // [R, P, W]
      const covered = rows.bmm(samplingMatrix(boxes, 0, W, options).transpose(1, 2)); // [R, P, P]
      return covered.ge(0.5).to("float32");
    }),
  );
}

/**
 * Mean cross-entropy of every place of every object's mask, of its true class alone (arXiv 1703.06870, section 3). Of `all` objects other
 * processes may hold some.
 */
export function maskLoss(logits: Tensor, classes: Int32Array, targets: Tensor, all = classes.length): Tensor {
  if (classes.length === 0) return logits.sum();
  const mean = op.binary_cross_entropy_with_logits(ofOwnClass(logits, classes), targets, null, null, 1);
  return partOf(mean, classes.length, all);
}

/**
 * A mask in its picture: bilinear between the middles of its P x P places, nothing beyond them, 1 where the probability is at least
 * one half. Probabilities [P, P], box (x1, y1, x2, y2), result [H, W] row by row.
 */
export function pasteMask(
  probabilities: Float32Array,
  box: ArrayLike<number>,
  { height, width }: ImageSize,
  threshold = 0.5,
): Uint8Array {
  const P = Math.round(Math.sqrt(probabilities.length));
  const bitmap = new Uint8Array(height * width);
  const [x1, y1, x2, y2] = Array.from(box) as [number, number, number, number];
  const columns = placesWithin(x1, x2, width, P);
  for (const row of placesWithin(y1, y2, height, P))
    for (const column of columns)
      if (sampled(probabilities, P, row.place, column.place) >= threshold) bitmap[row.pixel * width + column.pixel] = 1;
  return bitmap;
}

/** Pixels whose middles lie within an edge pair, and where in the mask they are. */
function placesWithin(from: number, to: number, length: number, P: number): { pixel: number; place: number }[] {
  const [first, last] = [Math.max(0, Math.ceil(from - 0.5)), Math.min(length - 1, Math.floor(to - 0.5))];
  const place = (pixel: number) => ((pixel + 0.5 - from) / Math.max(to - from, 1e-6)) * P - 0.5;
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => ({
    pixel: first + i,
    place: place(first + i),
  }));
}

/** Bilinear; the last half place at each edge fades towards nothing. */
function sampled(values: Float32Array, P: number, row: number, column: number): number {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [down, across] = [row - top, column - left];
  const at = (r: number, c: number) => (r < 0 || c < 0 || r >= P || c >= P ? 0 : values[r * P + c]!);
  const upper = at(top, left) * (1 - across) + at(top, left + 1) * across;
  const lower = at(top + 1, left) * (1 - across) + at(top + 1, left + 1) * across;
  return upper * (1 - down) + lower * down;
}
