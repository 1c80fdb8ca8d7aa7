// N images, S side of a picture, H height, W width
import sharp from "sharp";
import type { Normalization } from "../../augment/index.ts";
import { type Batch, type Dataset, onePass, subset } from "../../data/index.ts";
import type { PixelImage } from "../../report/index.ts";
import { scope, type Tensor, tensor } from "../../torch/index.ts";

/** One batch of the pictures at `places`; its indices are those places, bad files are left out. Undefined where none is left. */
export async function batchAt(
  dataset: Dataset,
  places: readonly number[],
  decodeSize: number,
): Promise<Batch | undefined> {
  const reader = onePass(subset(dataset, places), { batchSize: Math.max(1, places.length), decodeSize });
  for await (const batch of reader) return { ...batch, indices: batch.indices.map((i) => places[i]!) };
  return undefined;
}

/** Pictures [N, 3, S, S] as bytes one by one; `normalize` is undone. */
export function pixelsOf(images: Tensor, { mean, std }: Normalization): PixelImage[] {
  const size = images.size(2);
  const bytes = scope(() => {
    const [scale, shift] = [std, mean].map((values) => tensor(values, [1, 3, 1, 1]));
    const pixels = images.toDevice("cpu").mul(scale!).add(shift!).mul(255).round().clamp({ min: 0, max: 255 });
    return pixels.permute(0, 2, 3, 1).contiguous().to("uint8").data() as Uint8Array; // [N, S, S, 3]
  });
  const area = 3 * size * size;
  return Array.from({ length: images.size(0) }, (_, i) => ({
    pixels: bytes.subarray(i * area, (i + 1) * area),
    width: size,
    height: size,
  }));
}

export interface Sheet {
  /** Side of a tile in pixels. */
  tile: number;
  columns: number;
}

/** Pictures side by side in rows as WebP, each whole within its tile; a tile without a picture stays grey. */
export async function sheetOf(
  pictures: readonly (PixelImage | undefined)[],
  { tile, columns }: Sheet,
): Promise<Buffer> {
  const width = columns * tile;
  const height = Math.max(1, Math.ceil(pictures.length / columns)) * tile;
  const pixels = Buffer.alloc(3 * width * height, 128); // [H, W, 3]
  const tiles = await Promise.all(pictures.map((picture) => picture && tileOf(picture, tile)));
  for (const [i, own] of tiles.entries()) {
    const left = 3 * (i % columns) * tile;
    const top = Math.floor(i / columns) * tile;
    for (let row = 0; own && row < tile; row++)
      own.copy(pixels, 3 * (top + row) * width + left, 3 * row * tile, 3 * (row + 1) * tile);
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .webp({ quality: 90 })
    .toBuffer();
}

const grey = { r: 128, g: 128, b: 128 };

/** Small pictures grow by whole pixels, so that they are seen as they are. */
function tileOf({ pixels, width, height }: PixelImage, tile: number): Promise<Buffer> {
  const kernel = Math.max(width, height) <= tile / 2 ? "nearest" : "lanczos3";
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(tile, tile, { fit: "contain", background: grey, kernel })
    .removeAlpha()
    .raw()
    .toBuffer();
}
