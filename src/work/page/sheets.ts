// N pictures, S side of a small one in pixels. Small pictures side by side on sheets, so that a page of thousands loads a few files.
import sharp from "sharp";
import { type Dataset, onePass, type RawImage, subset } from "../../data/index.ts";
import { rawPictures } from "../results/raw-pictures.ts";
import { bearingAll } from "../results/thumbnails.ts";

/** How the sheets are laid out. */
export const sheetLayout = { side: 96, across: 16, down: 16 } as const;

const { side, across, down } = sheetLayout;
const perSheet = across * down;

/** The sheets of the samples at `places`, in their order; one that cannot be read leaves its place white. */
export async function* sheetsOf(dataset: Dataset, places: Uint32Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < places.length; start += perSheet) {
    const own = places.subarray(start, start + perSheet);
    const rows = Math.ceil(own.length / across);
    const pixels = Buffer.alloc(3 * side * side * across * rows, 255);
    for await (const { images, indices } of onePass(bearingAll(subset(dataset, own)), {
      batchSize: 64,
      decodeSize: side,
    }))
      for (const [i, image] of rawPictures({ images, indices }).entries())
        putAt(pixels, indices[i]!, await smallOf(image));
    const raw = { width: side * across, height: side * rows, channels: 3 as const };
    yield await sharp(pixels, { raw }).jpeg({ quality: 82 }).toBuffer();
  }
}

/** S x S over white, whole; small pictures are drawn larger with their pixels to be seen. */
const smallOf = ({ pixels, height, width }: RawImage): Promise<Buffer> =>
  sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(side, side, {
      fit: "contain",
      background: "white",
      kernel: Math.max(height, width) < side ? "nearest" : "lanczos3",
    })
    .removeAlpha()
    .raw()
    .toBuffer();

function putAt(sheet: Buffer, place: number, small: Buffer): void {
  const [x, y] = [place % across, Math.floor(place / across)];
  for (let row = 0; row < side; row++)
    small.copy(sheet, 3 * ((y * side + row) * side * across + x * side), 3 * side * row, 3 * side * (row + 1));
}
