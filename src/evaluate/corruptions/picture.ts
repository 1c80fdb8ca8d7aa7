// S side in pixels. A picture is three planes [3, S, S] of values in [0, 1], one after the other.
import { keyedStream } from "../../random.ts";

export interface Picture {
  planes: Float32Array; // [3, S, S]
  size: number;
}

/** Uniform numbers in [0, 1) of one picture. */
export type Random = () => number;

/** Standard normal numbers by Box and Muller. */
export const normals = (random: Random) => (): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

export const uniform = (random: Random, low: number, high: number): number => low + (high - low) * random();

export const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** The same function of every value. */
export const mapped = ({ planes, size }: Picture, change: (value: number, place: number) => number): Picture => ({
  planes: planes.map((value, place) => clamp(change(value, place))),
  size,
});

/** Each plane by itself. */
export function eachPlane({ planes, size }: Picture, change: (plane: Float32Array) => Float32Array): Picture {
  const changed = new Float32Array(planes.length);
  for (let at = 0; at < planes.length; at += size * size)
    changed.set(change(planes.subarray(at, at + size * size)), at);
  return { planes: changed, size };
}

/** How a plane goes on beyond its edge: the last pixel again, mirrored about it, or mirrored with it. */
export type Edge = "nearest" | "mirror" | "reflect";

/** The place inside that stands for one outside. */
export function inside(place: number, size: number, edge: Edge): number {
  if (place >= 0 && place < size) return place;
  if (edge === "nearest" || size === 1) return place < 0 ? 0 : size - 1;
  const period = edge === "mirror" ? 2 * size - 2 : 2 * size;
  const turned = ((place % period) + period) % period;
  if (turned < size) return turned;
  return edge === "mirror" ? period - turned : period - 1 - turned;
}

/** A Gaussian's taps as far as `truncate` standard deviations, as SciPy has them. */
export function gaussianTaps(sigma: number, truncate = 4): Float64Array {
  const radius = Math.floor(truncate * sigma + 0.5);
  const taps = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

/** A plane [S, S] blurred along both axes by odd taps. */
export function separable(plane: Float32Array, size: number, taps: Float64Array, edge: Edge): Float32Array {
  return alongRows(transposed(alongRows(transposed(plane, size), size, taps, edge), size), size, taps, edge);
}

function transposed(plane: Float32Array, size: number): Float32Array {
  const turned = new Float32Array(plane.length);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++) turned[column * size + row] = plane[row * size + column]!;
  return turned;
}

function alongRows(plane: Float32Array, size: number, taps: Float64Array, edge: Edge): Float32Array {
  const radius = (taps.length - 1) / 2;
  const from = Int32Array.from({ length: size + 2 * radius }, (_, i) => inside(i - radius, size, edge));
  const blurred = new Float32Array(plane.length);
  for (let row = 0; row < plane.length; row += size)
    for (let column = 0; column < size; column++) {
      let sum = 0;
      for (let tap = 0; tap < taps.length; tap++) sum += taps[tap]! * plane[row + from[column + tap]!]!;
      blurred[row + column] = sum;
    }
  return blurred;
}

/** The plane's value between pixels, by proportion. */
export function between(plane: Float32Array, size: number, row: number, column: number, edge: Edge): number {
  const [top, left] = [Math.floor(row), Math.floor(column)];
  const [down, right] = [row - top, column - left];
  const at = (y: number, x: number) => plane[inside(y, size, edge) * size + inside(x, size, edge)]!;
  const upper = at(top, left) * (1 - right) + (right > 0 ? at(top, left + 1) * right : 0);
  if (down === 0) return upper;
  return (
    upper * (1 - down) + (at(top + 1, left) * (1 - right) + (right > 0 ? at(top + 1, left + 1) * right : 0)) * down
  );
}

/** The middle of a plane enlarged by `factor` to its own size: corners stay corners of the part that is enlarged, as SciPy's zoom. */
export function zoomed(plane: Float32Array, size: number, factor: number): Float32Array {
  const part = Math.ceil(size / factor);
  const offset = Math.floor((size - part) / 2);
  const whole = Math.round(part * factor);
  const trim = Math.floor((whole - size) / 2);
  const step = whole > 1 ? (part - 1) / (whole - 1) : 0;
  const lows = Int32Array.from({ length: size }, (_, place) => offset + Math.floor((place + trim) * step));
  const shares = Float64Array.from({ length: size }, (_, place) => offset + (place + trim) * step - lows[place]!);
  const large = new Float32Array(plane.length);
  for (let row = 0; row < size; row++) {
    const upper = lows[row]! * size;
    const lower = Math.min(size - 1, lows[row]! + 1) * size;
    for (let column = 0; column < size; column++) {
      const [left, right, share] = [lows[column]!, Math.min(size - 1, lows[column]! + 1), shares[column]!];
      const above = plane[upper + left]! * (1 - share) + plane[upper + right]! * share;
      const below = plane[lower + left]! * (1 - share) + plane[lower + right]! * share;
      large[row * size + column] = above * (1 - shares[row]!) + below * shares[row]!;
    }
  }
  return large;
}

/**
 * A plane smeared in one direction: weights of half a Gaussian over 2 radius + 1 pixels that lie along `angle` in degrees, as ImageMagick's
 * motion blur.
 */
export function smeared(
  plane: Float32Array,
  size: number,
  { radius, sigma, angle }: { radius: number; sigma: number; angle: number },
): Float32Array {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp((-i * i) / (2 * sigma * sigma)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const radians = (angle * Math.PI) / 180;
  const smear = new Float32Array(plane.length);
  for (const [i, weight] of weights.entries()) {
    const down = Math.ceil(i * Math.sin(radians) - 0.5);
    const right = Math.ceil(i * Math.cos(radians) - 0.5);
    addShifted(smear, plane, size, { down, right, weight: weight / total });
  }
  return smear;
}

function addShifted(
  sum: Float32Array,
  plane: Float32Array,
  size: number,
  { down, right, weight }: { down: number; right: number; weight: number },
): void {
  const columns = Int32Array.from({ length: size }, (_, column) => inside(column + right, size, "nearest"));
  for (let row = 0; row < size; row++) {
    const from = inside(row + down, size, "nearest") * size;
    for (let column = 0; column < size; column++) sum[row * size + column]! += weight * plane[from + columns[column]!]!;
  }
}

/** Fractal heights [side, side] in [0, 1] by the diamond-square algorithm; `side` a power of two, `decay` how fast fine detail fades. */
export function plasma(side: number, decay: number, random: Random): Float32Array {
  const heights = new Float64Array(side * side);
  const at = (row: number, column: number) => ((row + side) % side) * side + ((column + side) % side);
  const mean = (own: readonly number[]) => own.reduce((sum, place) => sum + heights[place]!, 0) / 4;
  for (let [step, wobble] = [side, 100]; step >= 2; step /= 2, wobble /= decay) {
    const half = step / 2;
    const around = (row: number, column: number, corners: readonly (readonly [number, number])[]) => {
      const places = corners.map(([down, right]) => at(row + down * half, column + right * half));
      heights[at(row, column)] = mean(places) + wobble * uniform(random, -wobble, wobble);
    };
    for (let row = half; row < side; row += step)
      for (let column = half; column < side; column += step) around(row, column, diagonal);
    for (let row = 0; row < side; row += step)
      for (let column = half; column < side; column += step) around(row, column, straight);
    for (let row = half; row < side; row += step)
      for (let column = 0; column < side; column += step) around(row, column, straight);
  }
  const least = heights.reduce((low, height) => Math.min(low, height), Number.POSITIVE_INFINITY);
  const most = heights.reduce((high, height) => Math.max(high, height), Number.NEGATIVE_INFINITY);
  return Float32Array.from(heights, (height) => (height - least) / (most - least));
}

const diagonal = [
  [-1, -1],
  [-1, 1],
  [1, -1],
  [1, 1],
] as const;
const straight = [
  [-1, 0],
  [1, 0],
  [0, -1],
  [0, 1],
] as const;

/** The least power of two from `size` on. */
export const powerOfTwo = (size: number): number => 2 ** Math.ceil(Math.log2(size));

/** Uniform numbers of a key. */
export const randomOf = (seed: number, ...key: number[]): Random => keyedStream(seed, ...key);
