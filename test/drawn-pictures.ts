// Pictures that tests draw: no file of anybody is kept.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
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

const number = (value: number, bytes: 2 | 4, isBig = false): Buffer => {
  const field = Buffer.alloc(bytes);
  if (isBig) field.writeUIntBE(value, 0, bytes);
  else field.writeUIntLE(value >>> 0, 0, bytes);
  return field;
};

export interface BmpParts {
  bits: 1 | 4 | 8 | 16 | 24 | 32;
  /** Rows as they lie in the file, each to be filled up to four bytes. */
  rows: readonly Buffer[];
  width: number;
  isFromTop?: boolean;
  compression?: number;
  /** Blue, green, red, 0 of each colour. */
  palette?: Buffer;
  /** Red, green, blue and opacity, of the kinds whose header has them. */
  masks?: readonly number[];
}

/** A Windows bitmap with a header of 40 bytes, of 108 where it has masks. */
export function bmpOf(parts: BmpParts): Buffer {
  const { bits, rows, width, isFromTop = false, compression = 0, palette = Buffer.alloc(0), masks = [] } = parts;
  const pixels = Buffer.concat(rows.map((row) => Buffer.concat([row, Buffer.alloc((4 - (row.length % 4)) % 4)])));
  const headerBytes = masks.length > 0 ? 108 : 40;
  const start = 14 + headerBytes + palette.length;
  const height = isFromTop ? -rows.length : rows.length;
  const fields = [number(headerBytes, 4), number(width, 4), number(height, 4), number(1, 2), number(bits, 2)];
  const header = Buffer.concat([...fields, number(compression, 4), number(pixels.length, 4), Buffer.alloc(16)]);
  const more = Buffer.concat(masks.map((mask) => number(mask, 4)));
  const rest = Buffer.alloc(headerBytes - header.length - more.length);
  const file = [Buffer.from("BM"), number(start + pixels.length, 4), number(0, 4), number(start, 4)];
  return Buffer.concat([...file, header, more, rest, palette, pixels]);
}

/** A PNG with one more chunk before its pixels. */
export function withChunk(png: Buffer, type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), body]);
  const chunk = Buffer.concat([number(body.length, 4, true), named, number(crc32(named), 4, true)]);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]); // behind signature and IHDR
}

/** The PNG with this profile in place of its own, if it had one. */
export const withProfile = (png: Buffer, profile: Buffer): Buffer =>
  withChunk(png, "iCCP", Buffer.concat([Buffer.from("drawn\0\0"), deflateSync(profile)]));

/** A grey profile (ICC.1) of one exponent; `space` may say another colour space, whose tags it lacks. */
export function greyProfile(exponent: number, space = "GRAY"): Buffer {
  const white = [0.9642, 1, 0.8249].map((value) => number(Math.round(value * 65536), 4, true));
  const tags: [string, Buffer][] = [
    ["desc", Buffer.concat([Buffer.from("desc\0\0\0\0"), number(2, 4, true), Buffer.from("g\0"), Buffer.alloc(78)])],
    ["wtpt", Buffer.concat([Buffer.from("XYZ \0\0\0\0"), ...white])],
    [
      "kTRC",
      Buffer.concat([
        Buffer.from("curv\0\0\0\0"),
        number(1, 4, true),
        number(exponent * 256, 2, true),
        Buffer.alloc(2),
      ]),
    ],
  ];
  let at = 128 + 4 + 12 * tags.length;
  const table = tags.map(([name, body]) => {
    const entry = Buffer.concat([Buffer.from(name), number(at, 4, true), number(body.length, 4, true)]);
    at += body.length;
    return entry;
  });
  const header = Buffer.alloc(128);
  for (const [text, place] of [
    ["mntr", 12],
    [space, 16],
    ["XYZ ", 20],
    ["acsp", 36],
  ] as const)
    header.write(text, place);
  header.writeUInt32BE(at, 0);
  header.writeUInt32BE(0x02400000, 8); // version 2.4
  Buffer.concat(white).copy(header, 68);
  return Buffer.concat([header, number(tags.length, 4, true), ...table, ...tags.map(([, body]) => body)]);
}
