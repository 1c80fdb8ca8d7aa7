// S output pixels, L input pixels along one axis, K taps. Cropping, resizing and flipping are linear along each axis: one
// matrix [S, L] each, filled here by taps; antialiased where the crop shrinks (the filter is widened by the shrinking).

type Kernel = (distance: number) => number;

/** Keys' cubic with a = -0.5, as Pillow's and libtorch's antialiased bicubic (support 2). */
const cubic: Kernel = (distance) => {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
};
const triangle: Kernel = (distance) => Math.max(0, 1 - Math.abs(distance));

const kernels = {
  bicubic: { kernel: cubic, support: 2, taps: new Map<number, Taps>() },
  bilinear: { kernel: triangle, support: 1, taps: new Map<number, Taps>() },
} as const;
export type Interpolation = keyof typeof kernels;

export interface AxisCrop {
  /** First input pixel of the crop, and how many. */
  start: number;
  length: number;
  isFlipped?: boolean;
}

/** The matrix of a whole axis of `length` pixels resized to S, without its zeros. */
interface Taps {
  /** First input pixel of each output pixel's taps. */
  first: Int32Array; // [S]
  weights: Float32Array; // [S, K], each row sums to 1
}

/** Writes the matrix [size, inputLength] of a crop resized to `size` into `target` at `offset` (zeroed before). */
export function fillResampling(
  target: Float32Array,
  offset: number,
  size: number,
  inputLength: number,
  { start, length, isFlipped = false }: AxisCrop,
  interpolation: Interpolation,
): void {
  const { first, weights } = tapsOf(length, size, interpolation);
  const width = weights.length / size;
  for (let out = 0; out < size; out++) {
    const from = first[out]!;
    const row = offset + (isFlipped ? size - 1 - out : out) * inputLength + start + from;
    const end = Math.min(width, length - from);
    for (let tap = 0; tap < end; tap++) target[row + tap] = weights[out * width + tap]!;
  }
}

/** Crops of a dataset's pictures have few lengths: their taps are kept, up to about 20 MB. */
const mostKept = 2048;

function tapsOf(length: number, size: number, interpolation: Interpolation): Taps {
  const { taps } = kernels[interpolation];
  const key = length * 65536 + size;
  const kept = taps.get(key);
  if (kept) return kept;
  if (taps.size >= mostKept) taps.clear();
  const made = makeTaps(length, size, interpolation);
  taps.set(key, made);
  return made;
}

function makeTaps(length: number, size: number, interpolation: Interpolation): Taps {
  const { kernel, support } = kernels[interpolation];
  const scale = length / size;
  const stretch = Math.max(1, scale);
  const width = Math.ceil(2 * support * stretch) + 1;
  const first = new Int32Array(size);
  const weights = new Float32Array(size * width);
  for (let out = 0; out < size; out++) {
    const centre = scale * (out + 0.5);
    first[out] = Math.max(0, Math.floor(centre - support * stretch + 0.5));
    const end = Math.min(length, Math.floor(centre + support * stretch + 0.5));
    const row = weights.subarray(out * width, out * width + end - first[out]!);
    fillRow(row, (tap) => kernel((first[out]! + tap + 0.5 - centre) / stretch));
  }
  return { first, weights };
}

/** Weights that sum to 1. */
function fillRow(row: Float32Array, weightOf: (tap: number) => number): void {
  const exact = Float64Array.from(row, (_, tap) => weightOf(tap));
  const sum = exact.reduce((total, weight) => total + weight, 0);
  for (const [tap, weight] of exact.entries()) row[tap] = weight / sum;
}

/** The taps of a Gaussian in the middle of `row`; they sum to 1. */
export function fillGaussian(row: Float32Array, sigma: number): void {
  const middle = (row.length - 1) / 2;
  fillRow(row, (tap) => Math.exp(-((tap - middle) ** 2) / (2 * sigma * sigma)));
}

/** Reflection about the first and last pixel, as often as it takes. */
export function mirroredPlace(place: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((place % period) + period) % period;
  return within < size ? within : period - within;
}
