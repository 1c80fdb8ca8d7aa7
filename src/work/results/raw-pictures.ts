// C channels, H height, W width
import type { Batch, PixelBlock, RawImage } from "../../data/index.ts";

/** The pictures of a batch one by one. */
export const rawPictures = ({ images, indices }: Pick<Batch, "images" | "indices">): RawImage[] =>
  Array.isArray(images) ? images : picturesOf(images, indices.length);

/** The pictures of a block, their colours side by side. */
function picturesOf({ pixels, channels, height, width }: PixelBlock, count: number): RawImage[] {
  const plane = height * width;
  return Array.from({ length: count }, (_, i) => {
    const own = pixels.subarray(i * channels * plane, (i + 1) * channels * plane); // [C, H, W]
    const interleaved = new Uint8Array(3 * plane); // [H, W, 3]
    for (let at = 0; at < plane; at++)
      for (let c = 0; c < 3; c++) interleaved[3 * at + c] = own[(c % channels) * plane + at]!;
    return { pixels: interleaved, height, width };
  });
}
