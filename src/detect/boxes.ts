// N boxes, M other boxes. A box is (x1, y1, x2, y2) in pixels, its far edge outside; deltas are (dx, dy, dw, dh).
import { op, stack, type Tensor } from "../torch/index.ts";

export interface ImageSize {
  height: number;
  width: number;
}

/** What deltas are multiplied with before they are learned: of x, y, width and height. */
export type DeltaWeights = readonly [number, number, number, number];

/** Of a second stage's deltas (arXiv 1504.08083's normalisation by .1 and .2). */
export const boxHeadWeights: DeltaWeights = [10, 10, 5, 5];
/** Of proposals' deltas. */
export const proposalWeights: DeltaWeights = [1, 1, 1, 1];

/** No box grows by more than 1000 / 16 of its anchor. */
const mostLogScale = Math.log(1000 / 16);

const columns = (boxes: Tensor) => op["unbind.int"](boxes, -1) as [Tensor, Tensor, Tensor, Tensor];

/** Areas in pixels, [..., 4] to [...]. */
export function boxAreas(boxes: Tensor): Tensor {
  const [x1, y1, x2, y2] = columns(boxes);
  return x2.sub(x1).mul(y2.sub(y1));
}

/** Intersection over union of every pair: a [N, 4], b [M, 4], result [N, M]. Two empty boxes give no number. */
export function boxIou(a: Tensor, b: Tensor): Tensor {
  const [N, M] = [a.size(0), b.size(0)];
  const first = a.reshape(N, 1, 4);
  const nearest = first.narrow(2, 0, 2).maximum(b.narrow(1, 0, 2)); // [N, M, 2]
  const farthest = first.narrow(2, 2, 2).minimum(b.narrow(1, 2, 2)); // [N, M, 2]
  const [width, height] = op["unbind.int"](farthest.sub(nearest).clamp({ min: 0 }), 2) as [Tensor, Tensor];
  const shared = width.mul(height); // [N, M]
  return shared.div(boxAreas(a).reshape(N, 1).add(boxAreas(b).reshape(1, M)).sub(shared));
}

const centresOf = (boxes: Tensor) => {
  const [x1, y1, x2, y2] = columns(boxes);
  const [width, height] = [x2.sub(x1), y2.sub(y1)];
  return { x: x1.add(width.mul(0.5)), y: y1.add(height.mul(0.5)), width, height };
};

/**
 * Deltas that lead from anchors to boxes, both [N, 4]: dx = wx (x − xa) / wa, dw = ww log(w / wa), and so for y and height
 * (arXiv 1506.01497, eq. 2).
 */
export function encodeBoxes(boxes: Tensor, anchors: Tensor, [wx, wy, ww, wh]: DeltaWeights): Tensor {
  const [to, from] = [centresOf(boxes), centresOf(anchors)];
  const dx = to.x.sub(from.x).div(from.width).mul(wx);
  const dy = to.y.sub(from.y).div(from.height).mul(wy);
  return stack([dx, dy, to.width.div(from.width).log().mul(ww), to.height.div(from.height).log().mul(wh)], 1); // [N, 4]
}

/** The inverse: deltas [N, ..., 4] from anchors [N, ..., 4] to boxes. */
export function decodeBoxes(deltas: Tensor, anchors: Tensor, [wx, wy, ww, wh]: DeltaWeights): Tensor {
  const from = centresOf(anchors);
  const [dx, dy, dw, dh] = columns(deltas);
  const x = dx.div(wx).mul(from.width).add(from.x);
  const y = dy.div(wy).mul(from.height).add(from.y);
  const halfWidth = dw.div(ww).clamp({ max: mostLogScale }).exp().mul(from.width).mul(0.5);
  const halfHeight = dh.div(wh).clamp({ max: mostLogScale }).exp().mul(from.height).mul(0.5);
  return stack([x.sub(halfWidth), y.sub(halfHeight), x.add(halfWidth), y.add(halfHeight)], -1);
}

/** Boxes [..., 4] with their edges moved into the picture. */
export function clipBoxes(boxes: Tensor, { height, width }: ImageSize): Tensor {
  const [x1, y1, x2, y2] = columns(boxes);
  const across = (x: Tensor) => x.clamp({ min: 0, max: width });
  const down = (y: Tensor) => y.clamp({ min: 0, max: height });
  return stack([across(x1), down(y1), across(x2), down(y2)], -1);
}
