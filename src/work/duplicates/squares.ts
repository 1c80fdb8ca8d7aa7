// N pictures, S side of a square, 3 colours
import sharp from "sharp";
import type { RawImage } from "../../data/index.ts";

/** Side of the squares that pictures are compared at: recompression vanishes, what is in a picture stays. */
export const squareSide = 24;

/** Bytes of one square. */
export const squareBytes = 3 * squareSide ** 2;

/** Pixels that a picture's shorter side must have for its square. */
export const squareSource = 2 * squareSide;

/** A picture as a small square of colours, planes behind one another [3, S, S]: the whole of it, stretched, so that a crop stays a crop. */
export async function squareOf({ pixels, width, height }: RawImage): Promise<Uint8Array> {
  const small = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(squareSide, squareSide, { fit: "fill", kernel: "cubic" })
    .blur(1)
    .raw()
    .toBuffer();
  const planes = new Uint8Array(squareBytes);
  const area = squareSide ** 2;
  for (let at = 0; at < area; at++) for (let c = 0; c < 3; c++) planes[c * area + at] = small[3 * at + c]!;
  return planes;
}

/** The squares of several pictures side by side, [N, 3, S, S]. */
export async function squaresOf(pictures: readonly RawImage[]): Promise<Uint8Array> {
  const squares = new Uint8Array(pictures.length * squareBytes);
  const made = await Promise.all(pictures.map(squareOf));
  for (const [i, square] of made.entries()) squares.set(square, i * squareBytes);
  return squares;
}
