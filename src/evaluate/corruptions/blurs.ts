// S side in pixels, K taps of a kernel
import {
  clamp,
  eachPlane,
  gaussianTaps,
  inside,
  mapped,
  type Picture,
  type Random,
  separable,
  smeared,
  uniform,
  zoomed,
} from "./picture.ts";
import type { Constants } from "./strengths.ts";

/** Out of focus: each point becomes a disk. */
export function defocusBlur(picture: Picture, [radius, softness]: Constants["defocus-blur"]): Picture {
  const { side, weights } = disk(radius, softness);
  return eachPlane(picture, (plane) => filtered(plane, picture.size, weights, side).map(clamp));
}

/** A disk [K, K] with a softened edge; weights sum to 1. */
export function disk(radius: number, softness: number): { side: number; weights: Float32Array } {
  const reach = Math.max(8, radius);
  const side = 2 * reach + 1;
  const isInside = (place: number) =>
    (Math.floor(place / side) - reach) ** 2 + ((place % side) - reach) ** 2 <= radius ** 2;
  const hard = Float32Array.from({ length: side * side }, (_, place) => (isInside(place) ? 1 : 0));
  const area = hard.reduce((sum, value) => sum + value, 0);
  const around = radius <= 8 ? 1 : 2;
  return {
    side,
    weights: separable(
      hard.map((value) => value / area),
      side,
      gaussianTaps(softness, around / softness),
      "mirror",
    ),
  };
}

/** A plane under a kernel [K, K], mirrored at the edge. */
function filtered(plane: Float32Array, size: number, weights: Float32Array, side: number): Float32Array {
  const reach = (side - 1) / 2;
  const sum = new Float32Array(plane.length);
  const places = Int32Array.from({ length: size + 2 * reach }, (_, i) => inside(i - reach, size, "mirror"));
  weights.forEach((weight, tap) => {
    if (weight < 1e-9) return;
    const [down, right] = [Math.floor(tap / side), tap % side];
    for (let row = 0; row < size; row++) {
      const from = places[row + down]! * size;
      for (let column = 0; column < size; column++)
        sum[row * size + column]! += weight * plane[from + places[column + right]!]!;
    }
  });
  return sum;
}

/**
 * Frosted glass: blurred, every pixel given the colour of one nearby, blurred again. The published pictures were made by a loop that
 * means to exchange two pixels and copies one over the other; so does this.
 */
export function glassBlur(picture: Picture, [sigma, reach, rounds]: Constants["glass-blur"], random: Random): Picture {
  const { size } = picture;
  const soft = (own: Picture) => eachPlane(own, (plane) => separable(plane, size, gaussianTaps(sigma), "nearest"));
  const { planes } = mapped(soft(picture), (value) => Math.floor(255 * value + 1e-4) / 255); // 255 · (v / 255) may lie just below v
  const area = size * size;
  const offset = () => Math.floor(uniform(random, -reach, reach)); // -reach to reach - 1
  for (let round = 0; round < rounds; round++)
    for (let row = size - reach; row > reach; row--)
      for (let column = size - reach; column > reach; column--) {
        const [right, down] = [offset(), offset()];
        const [to, from] = [row * size + column, (row + down) * size + column + right];
        for (let plane = 0; plane < planes.length; plane += area) planes[plane + to] = planes[plane + from]!;
      }
  return mapped(soft({ planes, size }), (value) => value);
}

/** The camera moved, at an angle of -45 to 45 degrees. */
export function motionBlur(picture: Picture, { radius, sigma }: Constants["motion-blur"], random: Random): Picture {
  const angle = uniform(random, -45, 45);
  return eachPlane(picture, (plane) => smeared(plane, picture.size, { radius, sigma, angle }));
}

/** The camera came closer: the mean of the picture and its enlargements, the picture itself counted twice. */
export const zoomBlur = (picture: Picture, { step, count }: Constants["zoom-blur"]): Picture =>
  eachPlane(picture, (plane) => {
    const sum = Float64Array.from(plane);
    for (let turn = 0; turn < count; turn++)
      zoomed(plane, picture.size, 1 + turn * step).forEach((value, place) => {
        sum[place]! += value;
      });
    return Float32Array.from(sum, (value) => value / (count + 1));
  });
