// N images, S side of a view, C channels, H height, W width. Crop, resize and flip, from bytes to views [N, C, S, S] in [0, 1].
import type { PixelBlock, RawImage } from "../data/index.ts";
import { borrow, engine, op, scope, stack, type Tensor } from "../torch/index.ts";
import { resample } from "./operations.ts";
import { gathered, type PackedPictures, packedPicture } from "./packed.ts";
import type { Box, ViewParameters } from "./parameters.ts";
import type { ViewRecipe } from "./recipe.ts";
import { type AxisCrop, fillResampling } from "./resampling.ts";

/** Where a view's pixels come from. */
export type Cut = Pick<ViewParameters, "box" | "isFlipped">;

/** The pictures of a batch: a block of bytes [N, C, H, W] on the device, pictures of their own sizes, or places in bytes on the device. */
export type Pictures = { block: Tensor } | { files: readonly RawImage[] } | { packed: PackedPictures };

/** What an executor makes views of, and how. */
export interface Making {
  pictures: Pictures;
  recipe: ViewRecipe;
  device: string;
}

export interface Target {
  size: number;
  interpolation: ViewRecipe["crop"]["interpolation"];
  device: string;
}

const unit = { min: 0, max: 1 };

/** The pixels of a block on the device, as bytes: [N, C, H, W]. */
export function uploadBlock({ pixels, channels, height, width }: PixelBlock, device: string): Tensor {
  const bytes = borrow(pixels, [pixels.length / (channels * height * width), channels, height, width]);
  return device === "cpu" ? bytes : bytes.toDevice(device);
}

/** Bytes as float32 in [0, 1]. */
export const floats = (bytes: Tensor): Tensor => bytes.to("float32").mul_(1 / 255);

/** Pictures of one size [N, C, H, W]: crop, resize and flip are one matrix along each axis. */
export function cropBlock(bytes: Tensor, cuts: readonly Cut[], target: Target): Tensor {
  const rows = cuts.map(({ box }) => ({ start: box.top, length: box.height }));
  const columns = cuts.map(({ box, isFlipped }) => ({ start: box.left, length: box.width, isFlipped }));
  const tall = matrices(rows, bytes.size(2), target);
  const wide = matrices(columns, bytes.size(3), target);
  return resample(floats(bytes), tall, wide).clamp_(unit);
}

/** Pictures that lie on the device. */
export function cropPacked(packed: PackedPictures, cuts: readonly Cut[], target: Target): Tensor {
  if (!packed.isInterleaved) return cropBlock(gathered(packed), cuts, target);
  return cropPictures(
    packed.places.map((place) => packedPicture(packed, place)),
    cuts,
    target,
  );
}

/** The matrices [N, S, L] of crops along an axis of L pixels. */
export function matrices(crops: readonly AxisCrop[], length: number, { size, interpolation, device }: Target): Tensor {
  const values = new Float32Array(crops.length * size * length); // [N, S, L]
  for (const [i, crop] of crops.entries()) fillResampling(values, i * size * length, size, length, crop, interpolation);
  const made = borrow(values, [crops.length, size, length]);
  return device === "cpu" ? made : made.toDevice(device);
}

/** Files have sizes of their own: each is cropped and resized alone, in bytes where this libtorch can (as Pillow does). */
export const cropFiles = (images: readonly RawImage[], cuts: readonly Cut[], target: Target): Tensor =>
  cropPictures(images.map(pixelsOf), cuts, target);

/** In planes, [N, 3, S, S]; 0 to 255, as bytes where `resizesBytes`. */
export const resizeFiles = (images: readonly RawImage[], cuts: readonly Cut[], target: Target): Tensor =>
  resizePictures(images.map(pixelsOf), cuts, target);

const pixelsOf = ({ pixels, height, width }: RawImage): Tensor => borrow(pixels, [1, height, width, 3]);

/** Pictures of [1, H, W, 3] each. */
const cropPictures = (pictures: readonly Tensor[], cuts: readonly Cut[], target: Target): Tensor =>
  floats(resizePictures(pictures, cuts, target)).clamp_(unit);

const resizePictures = (pictures: readonly Tensor[], cuts: readonly Cut[], target: Target): Tensor =>
  scope(() => stack(pictures.map((picture, i) => cropPicture(picture, cuts[i]!, target))).contiguous());

function cropPicture(picture: Tensor, { box, isFlipped }: Cut, { size, interpolation, device }: Target): Tensor {
  const crop = cutOut(picture, box);
  const local = device === "cpu" ? crop : crop.toDevice(device);
  const input = device === "cpu" && resizesBytes() ? local : local.to("float32");
  const resized = op[`_upsample_${interpolation}2d_aa`](input, [size, size], false); // [1, 3, S, S]
  return (isFlipped ? resized.flip(3) : resized).squeeze(0);
}

/** The pixels of a box as [1, 3, h, w], channels-last in memory: libtorch resizes such bytes without packing them first. */
const cutOut = (picture: Tensor, box: Box): Tensor =>
  picture.narrow(1, box.top, box.height).narrow(2, box.left, box.width).permute(0, 3, 1, 2).contiguous("channels_last");

let canResizeBytes: boolean | undefined;

/** Resizing of bytes came with libtorch 2.1. */
export function resizesBytes(): boolean {
  canResizeBytes ??= !/^(1\.|2\.0)/.test(engine().builtFor);
  return canResizeBytes;
}
