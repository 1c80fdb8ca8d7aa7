// Pictures that tests draw: no file of anybody is kept.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp, { type Sharp } from "sharp";

type Colour = readonly [red: number, green: number, blue: number];

export const red: Colour = [200, 40, 40];
export const blue: Colour = [40, 90, 200];

/** A 48 x 48 picture of one colour with a darker square, so that no two of one colour are equal. */
export function drawn(number: number, [r, g, b]: Colour = red): Sharp {
  const square = { width: 10, height: 10, channels: 3 as const, background: { r: r >> 1, g: g >> 1, b: b >> 1 } };
  return sharp({ create: { width: 48, height: 48, channels: 3, background: { r, g, b } } }).composite([
    { input: { create: square }, left: (number * 7) % 38, top: (number * 11) % 38 },
  ]);
}

export const jpegOf = (number: number, colour?: Colour): Promise<Buffer> => drawn(number, colour).jpeg().toBuffer();

/** A JPEG that ends in the middle of its pixels. */
export async function cutShort(number: number): Promise<Buffer> {
  const whole = await jpegOf(number);
  return whole.subarray(0, Math.round(0.7 * whole.length));
}

/** Writes a file below a folder, making the folders between; a name may be bytes. */
export function put(folder: string, name: string, bytes: Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), bytes);
}

/** Pictures of two classes by turns, `a/0.jpg`, `b/1.jpg`, ...; those whose number is in `bad` are cut short. */
export async function putClasses(folder: string, count: number, bad: readonly number[] = []): Promise<void> {
  for (let i = 0; i < count; i++) {
    const [name, colour] = i % 2 === 0 ? [`a/${i}.jpg`, red] : [`b/${i}.jpg`, blue];
    put(folder, name, bad.includes(i) ? await cutShort(i) : await jpegOf(i, colour));
  }
}
