// H height, W width
import sharp from "sharp";

export interface PixelImage {
  pixels: Uint8Array; // [H, W, 3]
  width: number;
  height: number;
}

/** A picture as a PNG inside an address, so that the page needs no file beside it. */
export async function dataUri({ pixels, width, height }: PixelImage): Promise<string> {
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9, effort: 10 })
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}

/** The whole picture, at most `side` pixels wide and high: small ones as they are (PNG), larger ones as JPEG of about 4 kB at 128 pixels. */
export async function thumbnail(picture: PixelImage, side: number): Promise<string> {
  const { pixels, width, height } = picture;
  if (Math.max(width, height) <= 64) return dataUri(picture);
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: 78 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString("base64")}`;
}

type Colour = readonly [number, number, number];
const [negative, zero, positive]: readonly Colour[] = [
  [33, 102, 172],
  [247, 247, 247],
  [178, 24, 43],
];

/** Blue at -1, white at 0, red at 1 (ColorBrewer's RdBu, safe for the colour-blind); beyond, the end's colour. */
export function divergingColour(value: number): Colour {
  const strength = Math.min(1, Math.abs(value));
  const end = value < 0 ? negative! : positive!;
  return zero!.map((from, i) => Math.round(from + strength * (end[i]! - from))) as unknown as Colour;
}

/** A square matrix as a picture, one pixel for each cell. */
export function heatMap(matrix: Float32Array, side: number): PixelImage {
  const pixels = new Uint8Array(3 * side * side);
  for (let cell = 0; cell < side * side; cell++) pixels.set(divergingColour(matrix[cell]!), 3 * cell);
  return { pixels, width: side, height: side };
}
