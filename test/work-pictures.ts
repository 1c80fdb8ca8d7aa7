// Pictures with something in them, for what works on folders: smooth fields of colours with a few discs, each from its number alone.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { keyedStream } from "../src/random.ts";

const [width, height] = [120, 90];

/** Picture `number`; `hue` moves its colours towards one, so that pictures of one kind are alike. */
export async function drawnPicture(number: number, hue?: readonly [number, number, number]): Promise<Sharp> {
  const next = keyedStream(7, number);
  const [columns, rows] = [8, 6];
  const field = Uint8Array.from({ length: 3 * columns * rows }, (_, i) =>
    hue ? 0.7 * hue[i % 3]! + 76 * next() : 255 * next(),
  );
  const ground = await sharp(field, { raw: { width: columns, height: rows, channels: 3 } })
    .resize(width, height, { fit: "fill", kernel: "cubic" })
    .png()
    .toBuffer();
  const discs = Array.from({ length: 4 }, () => {
    const [x, y, r] = [width * next(), height * next(), 6 + 14 * next()];
    return `<circle cx="${x}" cy="${y}" r="${r}" fill="hsl(${Math.round(360 * next())} 80% 50%)"/>`;
  });
  const drawing = Buffer.from(
    `<svg width="${width}" height="${height}" xmlns="http://www.w3.org/2000/svg">${discs.join("")}</svg>`,
  );
  return sharp(
    await sharp(ground)
      .composite([{ input: drawing }])
      .png()
      .toBuffer(),
  );
}

/** Writes pictures first to first + count - 1 into a folder as PNG, named by their numbers. */
export async function putPictures(
  folder: string,
  first: number,
  count: number,
  hue?: readonly [number, number, number],
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const names = Array.from({ length: count }, (_, i) => `${String(first + i).padStart(3, "0")}.png`);
  for (const [i, name] of names.entries()) await (await drawnPicture(first + i, hue)).toFile(join(folder, name));
  return names;
}
