// N images of one size, H height, W width, S side that the network is fed. What is done to a picture before the network, as a graph.
import { bicubic, cast, type Drawing } from "./drawing.ts";

export interface Feeding {
  /** S */
  size: number;
  /** (x - mean) / std of each channel, x in [0, 1]. */
  normalization: { mean: readonly number[]; std: readonly number[] };
}

/**
 * Bytes [N, H, W, 3] to what the network takes, [N, 3, S, S], by their names: the square in the middle, from 224 on 224 / 256 of it,
 * brought to S and normalised, as Selfsight measures (`src/augment/views.ts`; it rounds files to bytes in between).
 */
export function drawFeeding(to: Drawing, { size, normalization }: Feeding, bytes: string): string {
  const planes = to.node("Transpose", [bytes], { perm: [0, 3, 1, 2] });
  const square = cast(to, middle(to, planes, size < 224 ? 1 : 224 / 256), "float32");
  const resized = to.node("Resize", [square, "", "", to.integers([size, size])], { ...bicubic, axes: [2, 3] });
  const bounded = to.node("Clip", [resized, number(to, 0), number(to, 255)]);
  return normalized(to, normalization, bounded);
}

/** The square in the middle whose side is `share` of the shorter one, a half rounded up. */
function middle(to: Drawing, planes: string, share: number): string {
  const sides = to.node("Shape", [planes], { start: 2 }); // [H, W]
  const shorter = cast(to, to.node("ReduceMin", [sides], { keepdims: 1 }), "float32");
  const scaled = to.node("Add", [to.node("Mul", [shorter, number(to, share)]), number(to, 0.5)]);
  const side = cast(to, to.node("Floor", [scaled]), "int64");
  const starts = to.node("Div", [to.node("Sub", [sides, side]), to.integers([2])]);
  return to.node("Slice", [planes, starts, to.node("Add", [starts, side]), to.integers([2, 3])]);
}

/** (x / 255 - mean) / std as one product and one sum. */
function normalized(to: Drawing, { mean, std }: Feeding["normalization"], planes: string): string {
  const factors = to.fractions(
    [1, 3, 1, 1],
    std.map((value) => 1 / (255 * value)),
    "float32",
  );
  const shifts = to.fractions(
    [1, 3, 1, 1],
    std.map((value, c) => -mean[c]! / value),
    "float32",
  );
  return to.node("Add", [to.node("Mul", [planes, factors]), shifts]);
}

const number = (to: Drawing, value: number): string => to.fractions([], [value], "float32");
