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

export interface TiffParts {
  width: number;
  height: number;
  bits: 8 | 16 | 32 | 64;
  /** 1 unsigned, 2 with a sign, 3 float. */
  format?: 1 | 2 | 3;
  bands?: number;
  /** 0 and 1 grey, 2 RGB. */
  photometric?: 0 | 1 | 2;
  /** Of the bands behind the colours: 2 opacity, 0 nothing known. */
  meanings?: readonly number[];
  /** In the byte order of the file, which is this machine's or the other one. */
  data: Buffer;
  isBig?: boolean;
  profile?: Buffer;
}

/** An uncompressed TIFF of one strip. */
export function tiffOf(parts: TiffParts): Buffer {
  const { width, height, bits, format = 1, bands = 1, photometric = 1, meanings = [], data, isBig = false } = parts;
  const { profile } = parts;
  const shorts = (values: readonly number[]) => Buffer.concat(values.map((value) => number(value, 2, isBig)));
  const long = (value: number) => number(value, 4, isBig);
  const each = (value: number) => Array<number>(bands).fill(value);
  const tags = new Map<number, readonly [type: number, count: number, body: Buffer]>([
    [256, [3, 1, shorts([width])]],
    [257, [3, 1, shorts([height])]],
    [258, [3, bands, shorts(each(bits))]],
    [259, [3, 1, shorts([1])]],
    [262, [3, 1, shorts([photometric])]],
    [273, [4, 1, long(0)]],
    [277, [3, 1, shorts([bands])]],
    [278, [3, 1, shorts([height])]],
    [279, [4, 1, long(data.length)]],
    ...(meanings.length > 0 ? [[338, [3, meanings.length, shorts(meanings)]] as const] : []),
    [339, [3, bands, shorts(each(format))]],
    ...(profile ? [[34675, [7, profile.length, profile]] as const] : []),
  ]);
  let at = 8 + 2 + 12 * tags.size + 4;
  const outside = [...tags.values()].map(([, , body]) => body).filter(({ length }) => length > 4);
  tags.set(273, [4, 1, long(at + outside.reduce((sum, { length }) => sum + length, 0))]);
  const entries = [...tags].map(([tag, [type, count, body]]) => {
    const place = body.length > 4 ? long(at) : Buffer.concat([body, Buffer.alloc(4 - body.length)]);
    if (body.length > 4) at += body.length;
    return Buffer.concat([shorts([tag, type]), long(count), place]);
  });
  const head = [Buffer.from(isBig ? "MM\0*" : "II*\0"), long(8), shorts([tags.size])];
  return Buffer.concat([...head, ...entries, long(0), ...outside, data]);
}

/** 32 x 32 samples that rise from one to the next. */
export const rising = <Samples extends { readonly buffer: ArrayBufferLike }>(
  kind: { from(values: { length: number }, map: (_: unknown, i: number) => number): Samples },
  value: (i: number) => number,
  count = 1024,
): Buffer => Buffer.from(kind.from({ length: count }, (_, i) => value(i)).buffer);

/** Pictures of instruments, 32 x 32, in none of which a display range is declared. */
export const instruments = {
  "float32.tif": () =>
    tiffOf({ width: 32, height: 32, bits: 32, format: 3, data: rising(Float32Array, (i) => i / 1023) }),
  "uint32.tif": () => tiffOf({ width: 32, height: 32, bits: 32, data: rising(Uint32Array, (i) => i * 4000) }),
  "int16.tif": () =>
    tiffOf({ width: 32, height: 32, bits: 16, format: 2, data: rising(Int16Array, (i) => i * 8 - 4096) }),
  "uint16-12-bits-used.tif": () => tiffOf({ width: 32, height: 32, bits: 16, data: rising(Uint16Array, (i) => i * 4) }),
  "four-bands.tif": () =>
    tiffOf({
      ...{ width: 32, height: 32, bits: 8, bands: 4, meanings: [0, 0, 0] },
      data: rising(Uint8Array, (i) => 40 * (i % 4) + Math.floor(i / 128), 4096),
    }),
};
