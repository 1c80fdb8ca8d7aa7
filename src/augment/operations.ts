// N images, C channels, H height, W width. Images are planes [N, C, H, W] in [0, 1]: each channel is one run of memory, so
// that a pass over it is one loop. Amounts are one number, or tensors [N, 1, 1, 1] with one number for each image.
import { op, type Tensor, tensor, where } from "../torch/index.ts";
import { fillGaussian, mirroredPlace } from "./resampling.ts";

type Amount = Tensor | number;

const unit = { min: 0, max: 1 };
const channel = (images: Tensor, index: number): Tensor => images.narrow(1, index, 1); // [N, 1, H, W]
const isGrey = (images: Tensor): boolean => images.size(1) === 1;

/** Matrices along the height [N, S, H] and the width [N, S, W] applied to images [N, C, H, W]: [N, C, S, S]. */
export function resample(images: Tensor, alongHeight: Tensor, alongWidth: Tensor): Tensor {
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  const [rows, columns] = [alongHeight.size(1), alongWidth.size(1)];
  const wide = images.reshape(count, channels * height, width).bmm(alongWidth.transpose(1, 2)); // [N, C H, S]
  const perChannel = alongHeight.unsqueeze(1).expand(count, channels, rows, height);
  const tall = perChannel.reshape(count * channels, rows, height).bmm(wide.reshape(count * channels, height, columns)); // [N C, S, S]
  return tall.reshape(count, channels, rows, columns);
}

/** 0.299 R + 0.587 G + 0.114 B (ITU-R 601-2): [N, 1, H, W]. A grey image is its own. */
export function luma(images: Tensor): Tensor {
  if (isGrey(images)) return images;
  return channel(images, 0)
    .mul(0.299)
    .add_(channel(images, 1), { alpha: 0.587 })
    .add_(channel(images, 2), { alpha: 0.114 });
}

/** Mean of each image's luma: [N, 1, 1, 1]. Rows first, so that an image's sum does not depend on what lies beside it. */
export const meanLuma = (grey: Tensor): Tensor => grey.mean({ dim: 3, keepDim: true }).mean({ dim: 2, keepDim: true });

/** factor x + (1 - factor) reference, clamped: brightness, contrast and saturation are this with black, mean grey and grey. */
function blend(images: Tensor, reference: Tensor, factor: Amount): Tensor {
  const rest = typeof factor === "number" ? 1 - factor : factor.rsub(1);
  return images.mul(factor).add_(reference.mul(rest)).clamp_(unit);
}

export const brightness = (images: Tensor, factor: Amount): Tensor => images.mul(factor).clamp_(unit);
export const contrast = (images: Tensor, factor: Amount): Tensor => blend(images, meanLuma(luma(images)), factor);
export const saturation = (images: Tensor, factor: Amount): Tensor => blend(images, luma(images), factor);

/** Factors [N, 1, 1, 1] of the operations that blend: 1 where one is not done to an image, left out where it is done to none. */
export interface BlendFactors {
  brightness?: Tensor;
  contrast?: Tensor;
  saturation?: Tensor;
}

/**
 * At most one of brightness, contrast and saturation to each image, whichever of its factors is not 1, all in one pass:
 * `factor x + (1 - contrast) mean + (1 - saturation) grey`, factor being their product, clamped.
 */
export function blendEach(
  images: Tensor,
  { brightness: black, contrast: toMean, saturation: toGrey }: BlendFactors,
): Tensor {
  const factors = [black, toMean, toGrey].filter((factor) => factor !== undefined);
  if (factors.length === 0) return images;
  const factor = factors.reduce((product, other) => product.mul(other)); // [N, 1, 1, 1]
  if (!toMean && !toGrey) return brightness(images, factor);
  const grey = luma(images); // [N, 1, H, W]
  const fromMean = toMean && meanLuma(grey).mul_(toMean.rsub(1)); // [N, 1, 1, 1]
  const fromGrey = toGrey && grey.mul(toGrey.rsub(1)); // [N, 1, H, W]
  const reference = fromMean && fromGrey ? fromGrey.add_(fromMean) : (fromGrey ?? fromMean)!;
  return op.addcmul(reference, images, factor).clamp_(unit);
}

/** Where each channel is least, in turns from red, negated: red at the half circle, green and blue a third before and after. */
const leastAt = [1 / 2, 1 / 6, -1 / 6];
/** Below any chroma of 8-bit or float32 pixels; a grey pixel's hue is 0 / tiny. */
const tiny = 1e-12;

/**
 * Turns the hue by `turns` (1 is the full circle) at equal value and chroma, as conversion to HSV and back does.
 * Out of maximum M, chroma c and d, the hue's distance on the circle from where the channel is least:
 * channel = M - c clamp(2 - 6 d, 0, 1) = (M - 2 c) + 6 c clamp(d, 1/6, 1/3).
 */
export function hue(images: Tensor, turns: Amount): Tensor {
  if (isGrey(images)) return images;
  const { most, chroma, turned } = hueOf(images);
  const offsets = tensor(leastAt, [1, 3, 1, 1], { device: images.device }).add(turns); // [N or 1, 3, 1, 1]
  const fromLeast = turned.add(offsets); // [N, 3, H, W]
  const distance = fromLeast
    .sub_(fromLeast.round())
    .abs()
    .clamp_({ min: 1 / 6, max: 1 / 3 });
  return op.addcmul(most.sub_(chroma, { alpha: 2 }), distance, chroma.mul(6));
}

/** Maximum, chroma and hue in turns, each [N, 1, H, W]. */
function hueOf(images: Tensor): { most: Tensor; chroma: Tensor; turned: Tensor } {
  const [red, green, blue] = [0, 1, 2].map((index) => channel(images, index)) as [Tensor, Tensor, Tensor];
  const most = red.maximum(green).maximum(blue);
  const chroma = most.sub(red.minimum(green).minimum(blue));
  const fromGreen = where(
    green.eq(most),
    blue.sub(red).add_(chroma, { alpha: 2 }),
    red.sub(green).add_(chroma, { alpha: 4 }),
  );
  const sixths = where(red.eq(most), green.sub(blue), fromGreen); // times chroma
  return { most, chroma, turned: sixths.div_(chroma.mul(6).clamp_({ min: tiny })) };
}

/** Values of at least `threshold` (in [0, 1]) inverted. */
export const solarize = (images: Tensor, threshold: number): Tensor =>
  where(images.ge(threshold), images.rsub(1), images);

/** (x - mean) / std of each channel; grey images become three channels. */
export function normalize(images: Tensor, { mean, std }: { mean: readonly number[]; std: readonly number[] }): Tensor {
  const perChannel = (values: readonly number[]) => tensor(values, [1, 3, 1, 1], { device: images.device });
  const offsets = perChannel(std.map((value, i) => -mean[i]! / value));
  return op.addcmul(offsets, images, perChannel(std.map((value) => 1 / value))); // [N, 3, H, W]
}

/** Gaussian blur with mirrored borders: a standard deviation in pixels for each image, taps as far as `radius` for all. */
export function blur(images: Tensor, sigmas: readonly number[], radius: number): Tensor {
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  const planes = count * channels;
  const taps = gaussianTaps(sigmas, radius, channels, images.device);
  const alongWidth = mirrored(images, 0, radius).reshape(1, planes, height, width + 2 * radius);
  const wide = op.conv2d(alongWidth, taps.reshape(planes, 1, 1, -1), null, 1, 0, 1, planes); // [1, N C, H, W]
  const alongHeight = mirrored(wide.reshape(count, channels, height, width), radius, 0);
  const padded = alongHeight.reshape(1, planes, height + 2 * radius, width);
  return op.conv2d(padded, taps.reshape(planes, 1, -1, 1), null, 1, 0, 1, planes).reshape(...images.shape);
}

/** Weights [N C, 2 radius + 1] that sum to 1, repeated for each channel. */
function gaussianTaps(sigmas: readonly number[], radius: number, channels: number, device: string): Tensor {
  const width = 2 * radius + 1;
  const values = new Float32Array(sigmas.length * width); // [N, K]
  for (const [i, sigma] of sigmas.entries()) fillGaussian(values.subarray(i * width, (i + 1) * width), sigma);
  const perImage = tensor(values, [sigmas.length, 1, width], { device });
  return perImage.expand(sigmas.length, channels, width).reshape(sigmas.length * channels, width);
}

/** Images with `rows` and `columns` more on each side, mirrored about the first and last pixel. */
function mirrored(images: Tensor, rows: number, columns: number): Tensor {
  if (rows < images.size(2) && columns < images.size(3))
    return op.reflection_pad2d(images, [columns, columns, rows, rows]);
  return mirroredAlong(mirroredAlong(images, 2, rows), 3, columns); // smaller than its border: mirrored more than once
}

function mirroredAlong(images: Tensor, dim: number, border: number): Tensor {
  const size = images.size(dim);
  const places = Int32Array.from({ length: size + 2 * border }, (_, i) => mirroredPlace(i - border, size));
  return images.indexSelect(dim, tensor(places, [places.length], { device: images.device }));
}
