// H and W sides of a picture as it is stored, h and w as the network sees it, G objects
import type { Normalization } from "../../augment/index.ts";
import { type ImageObjects, rasterised } from "../../data/annotations/index.ts";
import type { RawImage } from "../../data/index.ts";
import { maskBitmap } from "../../data/masks/run-lengths.ts";
import type { ImageSize, Truth } from "../../detect/index.ts";
import { borrow, op, scope, type Tensor, tensor, zeros } from "../../torch/index.ts";
import type { DetectionSettings } from "./settings.ts";

/** How a picture comes before the network: resized to h x w, a window of it, turned left to right or not. */
export interface Placement {
  stored: ImageSize;
  resized: ImageSize;
  window: ImageSize & { top: number; left: number };
  isFlipped: boolean;
}

/** The shorter side as wanted, the longer no longer than allowed (detectron2's ResizeShortestEdge). */
export function fittedSize({ height, width }: ImageSize, shortSide: number, longSide: number): ImageSize {
  const scale = Math.min(shortSide / Math.min(height, width), longSide / Math.max(height, width));
  const side = (length: number) => Math.max(1, Math.floor(length * scale + 0.5));
  return { height: side(height), width: side(width) };
}

/** A whole picture, for measuring and use. */
export function wholePlacement(stored: ImageSize, { testShortSide, longSide }: DetectionSettings): Placement {
  const resized = fittedSize(stored, testShortSide, longSide);
  return { stored, resized, window: { ...resized, top: 0, left: 0 }, isFlipped: false };
}

/**
 * A picture in training: its side, window and turn are drawn from a stream of its own. A window smaller than the picture holds the
 * middle of one of its objects, so that none is empty.
 */
export function drawnPlacement(
  stored: ImageSize,
  objects: ImageObjects,
  settings: DetectionSettings,
  next: () => number,
): Placement {
  const { shortSides, longSide, crop } = settings;
  const resized = fittedSize(stored, shortSides[Math.floor(next() * shortSides.length)]!, longSide);
  const isFlipped = next() < 0.5;
  const height = Math.min(resized.height, crop ?? resized.height);
  const width = Math.min(resized.width, crop ?? resized.width);
  const [x, y] = middleOfOne(objects, next);
  const top = startAround((y * resized.height) / stored.height, height, resized.height, next());
  const left = startAround((x * resized.width) / stored.width, width, resized.width, next());
  return { stored, resized, window: { top, left, height, width }, isFlipped };
}

/** In pixels as they are stored; crowds are no objects. */
function middleOfOne({ boxes, isCrowd, count }: ImageObjects, next: () => number): [x: number, y: number] {
  const objects = Array.from({ length: count }, (_, i) => i).filter((i) => isCrowd[i] === 0);
  const at = 4 * (objects[Math.floor(next() * objects.length)] ?? 0);
  const middle = (axis: number) => ((boxes[at + axis] ?? 0) + (boxes[at + axis + 2] ?? 0)) / 2;
  return [middle(0), middle(1)];
}

/** Where a window of a length begins that holds a place; `share` of the ways that there are. */
function startAround(place: number, length: number, whole: number, share: number): number {
  const first = clamped(Math.ceil(place - length), whole - length);
  const last = clamped(Math.floor(place), whole - length);
  return first + Math.floor(share * (last - first + 1));
}

/** Pixels as the network wants them, [3, h, w]; the picture may have been halved when it was decoded. */
export function placedPixels(
  { pixels, height, width }: RawImage,
  { resized, window, isFlipped }: Placement,
  normalize: Normalization,
): Tensor {
  return scope(() => {
    const planes = borrow(pixels, [height, width, 3]).permute(2, 0, 1).to("float32").unsqueeze(0); // [1, 3, H, W]
    const isSame = height === resized.height && width === resized.width;
    const sides = [resized.height, resized.width];
    const sized = isSame ? planes : op._upsample_bilinear2d_aa(planes.contiguous(), sides, false);
    const cut = sized.narrow(2, window.top, window.height).narrow(3, window.left, window.width).squeeze(0);
    const turned = isFlipped ? cut.flip(2) : cut;
    return turned.sub(channels(normalize.mean, 255)).div(channels(normalize.std, 255)); // [3, h, w]
  });
}

const channels = (values: readonly number[], scale: number): Tensor =>
  tensor(
    values.map((value) => value * scale),
    [3, 1, 1],
  );

/** Smaller objects, in pixels as the network sees them, are not learned: they were cut off. */
const leastSide = 1;

/** What is true of a placed picture: no crowds, nothing that the window has left outside. */
export function placedTruth(objects: ImageObjects, placement: Placement, withMasks: boolean, device: string): Truth {
  const boxes = placedBoxes(objects, placement); // [G, 4]
  const isSeen = (i: number) =>
    objects.isCrowd[i] === 0 && sideOf(boxes, i, 0) >= leastSide && sideOf(boxes, i, 1) >= leastSide;
  const places = Array.from({ length: objects.count }, (_, i) => i)
    .filter(isSeen)
    .filter((i) => !withMasks || objects.mask(i) !== undefined);
  const values = Float32Array.from(places.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)]));
  const { height, width } = placement.window;
  return {
    size: { height, width },
    boxes: tensor(values, [places.length, 4], { device }),
    classes: Int32Array.from(places, (i) => objects.classes[i]! + 1),
    ...(withMasks && { bitmaps: placedBitmaps(objects, places, placement, device) }),
  };
}

const sideOf = (boxes: Float32Array, i: number, axis: number): number =>
  boxes[4 * i + 2 + axis]! - boxes[4 * i + axis]!;

function placedBoxes({ boxes, count }: ImageObjects, { stored, resized, window, isFlipped }: Placement): Float32Array {
  const placed = new Float32Array(4 * count);
  const across = (x: number) => clamped((x * resized.width) / stored.width - window.left, window.width);
  const down = (y: number) => clamped((y * resized.height) / stored.height - window.top, window.height);
  for (let i = 0; i < count; i++) {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
    const [left, right] = [across(x1), across(x2)];
    placed.set(
      isFlipped ? [window.width - right, down(y1), window.width - left, down(y2)] : [left, down(y1), right, down(y2)],
      4 * i,
    );
  }
  return placed;
}

const clamped = (value: number, most: number): number => Math.min(most, Math.max(0, value));

function placedBitmaps(objects: ImageObjects, places: readonly number[], placement: Placement, device: string): Tensor {
  const { height, width } = placement.window;
  const bitmaps = new Uint8Array(places.length * height * width); // [G, h, w]
  places.forEach((object, row) => {
    const mask = rasterised(objects.mask(object)!, placement.stored);
    placeBitmap(maskBitmap(mask), placement, bitmaps.subarray(row * height * width));
  });
  return tensor(bitmaps, [places.length, height, width], { device });
}

/** The nearest stored pixel of each. */
function placeBitmap(bitmap: Uint8Array, { stored, resized, window, isFlipped }: Placement, placed: Uint8Array): void {
  const column = (x: number) => {
    const seen = isFlipped ? window.width - 1 - x : x;
    return Math.floor(((seen + window.left + 0.5) * stored.width) / resized.width);
  };
  const columns = Uint32Array.from({ length: window.width }, (_, x) => column(x));
  for (let y = 0; y < window.height; y++) {
    const row = Math.floor(((y + window.top + 0.5) * stored.height) / resized.height) * stored.width;
    for (let x = 0; x < window.width; x++) placed[y * window.width + x] = bitmap[row + columns[x]!]!;
  }
}

/** The sides that hold all of some windows. */
export const sizeAround = (sizes: readonly ImageSize[]): ImageSize => ({
  height: Math.max(...sizes.map(({ height }) => height)),
  width: Math.max(...sizes.map(({ width }) => width)),
});

/** Pictures of different sizes as one tensor [N, 3, h, w], zeros to the right and below. `size`: h and w, default those that hold all. */
export function filledUp(
  pictures: readonly Tensor[],
  truths: readonly Truth[],
  device: string,
  size = sizeAround(pictures.map((picture) => ({ height: picture.size(1), width: picture.size(2) }))),
) {
  const images = zeros([pictures.length, 3, size.height, size.width]);
  pictures.forEach((picture, i) => {
    images.select(0, i).narrow(1, 0, picture.size(1)).narrow(2, 0, picture.size(2)).copy_(picture);
  });
  const placed = images.contiguous("channels_last");
  return { images: device === "cpu" ? placed : placed.toDevice(device), truths };
}
