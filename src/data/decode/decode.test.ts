import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SelfsightError } from "../../errors.ts";
import { keyedStream } from "../../random.ts";
import type { RawImage } from "../dataset.ts";
import { decodeBytes, decodeImage } from "./decode.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "selfsight-decode-"));
});
afterAll(() => rm(folder, { recursive: true }));

const [width, height] = [24, 16];
type Colour = [number, number, number];
const quadrants: Colour[] = [
  [200, 40, 40],
  [40, 180, 40],
  [40, 40, 220],
  [230, 230, 40],
];

/** Four quadrants of one colour each: asymmetric, so that a turned or mirrored picture is told apart. */
function picture(channels: 1 | 3 | 4 = 3): Sharp {
  const pixels = Buffer.alloc(width * height * channels, 255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const colour = quadrants[(y < height / 2 ? 0 : 2) + (x < width / 2 ? 0 : 1)]!;
      for (let c = 0; c < Math.min(3, channels); c++) pixels[(y * width + x) * channels + c] = colour[c]!;
    }
  return sharp(pixels, { raw: { width, height, channels } });
}

/** The colour in the middle of each quadrant. */
const middles = ({ pixels, height: rows, width: columns }: RawImage): Colour[] =>
  [0, 1, 2, 3].map((quadrant) => {
    const y = Math.floor(rows * (quadrant < 2 ? 0.25 : 0.75));
    const x = Math.floor(columns * (quadrant % 2 === 0 ? 0.25 : 0.75));
    return [0, 1, 2].map((c) => pixels[3 * (y * columns + x) + c]!) as Colour;
  });

function expectQuadrants(image: RawImage, expected: readonly Colour[], tolerance: number) {
  for (const [i, colour] of middles(image).entries())
    for (const c of [0, 1, 2]) expect(Math.abs(colour[c]! - expected[i]![c]!)).toBeLessThanOrEqual(tolerance);
}

const decoded = (bytes: Buffer) => decodeBytes(bytes, "it");
const refusal = (bytes: Buffer, options = {}) =>
  decodeBytes(bytes, "it", options).then(
    () => "accepted",
    (error: unknown) =>
      error instanceof SelfsightError && error.kind === "data" ? error.message : `wrong kind: ${error}`,
  );

const encoders: Record<string, () => Sharp> = {
  jpeg: () => picture().jpeg({ quality: 95 }),
  "progressive jpeg": () => picture().jpeg({ quality: 95, progressive: true }),
  png: () => picture().png(),
  "interlaced png": () => picture().png({ progressive: true }),
  "palette png": () => picture().png({ palette: true }),
  "16-bit png": () => picture().toColourspace("rgb16").png(),
  webp: () => picture().webp({ quality: 95 }),
  "lossless webp": () => picture().webp({ lossless: true }),
  gif: () => picture().gif(),
  tiff: () => picture().tiff({ compression: "lzw" }),
  avif: () => picture().avif({ quality: 90 }),
  "cmyk jpeg": () => picture().toColourspace("cmyk").jpeg({ quality: 95 }),
};

test.each(Object.keys(encoders))("%s becomes 8-bit RGB", async (kind) => {
  const image = await decoded(await encoders[kind]!().toBuffer());
  expect([image.height, image.width, image.pixels.length]).toEqual([height, width, 3 * height * width]);
  const isExact = /png|lossless|tiff/.test(kind) && !/palette/.test(kind);
  expectQuadrants(image, quadrants, isExact ? 0 : kind.startsWith("cmyk") ? 90 : 12); // strong colours lie outside of what ink can do
});

test("grey becomes three equal channels; transparency is laid over white", async () => {
  const grey = await decoded(await picture().greyscale().toColourspace("b-w").png().toBuffer());
  for (const [r, g, b] of middles(grey)) expect([g, b]).toEqual([r, r]);
  const half = picture(4).composite([
    { input: Buffer.from([0, 0, 0, 128]), raw: { width: 1, height: 1, channels: 4 }, tile: true, blend: "dest-in" },
  ]);
  const overWhite = quadrants.map((colour) => colour.map((x) => (x * 128 + 255 * 127) / 255) as Colour);
  expectQuadrants(await decoded(await half.png().toBuffer()), overWhite, 2);
  const greyAlpha = await decoded(await half.clone().greyscale().toColourspace("b-w").png().toBuffer());
  for (const [r, g, b] of middles(greyAlpha)) expect([g, b]).toEqual([r, r]);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])("EXIF orientation %i decodes to the same picture", async (orientation) => {
  const transposed = orientation >= 5;
  const [columns, rows] = transposed ? [height, width] : [width, height];
  const upright = await picture().raw().toBuffer();
  const stored = Buffer.alloc(upright.length);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const [u, v] = uprightPlace(orientation, x, y);
      upright.copy(stored, (y * columns + x) * 3, (v * width + u) * 3, (v * width + u) * 3 + 3);
    }
  const file = sharp(stored, { raw: { width: columns, height: rows, channels: 3 } }).withMetadata({ orientation });
  const image = await decoded(await file.png().toBuffer());
  expect([image.height, image.width]).toEqual([height, width]);
  expectQuadrants(image, quadrants, 0);
});

/** Where the pixel stored at (x, y) belongs in the upright picture, by the meaning of the EXIF tag. */
function uprightPlace(orientation: number, x: number, y: number): [number, number] {
  const [right, bottom] = [width - 1, height - 1];
  const places: Record<number, [number, number]> = {
    1: [x, y],
    2: [right - x, y],
    3: [right - x, bottom - y],
    4: [x, bottom - y],
    5: [y, x],
    6: [right - y, x],
    7: [right - y, bottom - x],
    8: [y, bottom - x],
  };
  return places[orientation]!;
}

test("of an animation the first frame is taken", async () => {
  const frames = Buffer.concat([Buffer.alloc(3 * 64, 200), Buffer.alloc(3 * 64, 10)]);
  const animated = sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } });
  for (const file of [animated.clone().gif(), animated.clone().webp({ lossless: true })]) {
    const image = await decoded(await file.toBuffer());
    expect([image.height, image.width]).toEqual([8, 8]);
    expect(Math.abs(image.pixels[0]! - 200)).toBeLessThan(4);
  }
});

test("pictures are halved while their shorter side keeps what was asked, never enlarged", async () => {
  const bytes = await picture().jpeg().toBuffer();
  const sizes = { 100: [16, 24], 16: [16, 24], 9: [16, 24], 8: [8, 12], 5: [8, 12], 4: [4, 6], 2: [2, 3] };
  for (const [shortSide, [rows, columns]] of Object.entries(sizes))
    expect(await decodeBytes(bytes, "it", { shortSide: Number(shortSide) })).toMatchObject({
      height: rows,
      width: columns,
    });
  expectQuadrants(await decodeBytes(bytes, "it", { shortSide: 8 }), quadrants, 25);
});

test.each([
  [1, 1],
  [5000, 1],
  [1, 5000],
])("%i x %i pixels are a picture", async (columns, rows) => {
  const file = sharp({ create: { width: columns, height: rows, channels: 3, background: "teal" } });
  expect(await decodeBytes(await file.png().toBuffer(), "it", { shortSide: 64 })).toMatchObject({
    height: rows,
    width: columns,
  });
});

describe("what is no whole picture is refused", () => {
  test.each(["jpeg", "png", "webp", "gif", "tiff"] as const)("%s cut at any place", async (kind) => {
    const noise = Buffer.from(Uint8Array.from({ length: 3 * 64 * 64 }, keyedBytes(1)));
    const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .toFormat(kind)
      .toBuffer();
    for (const share of [0, 0.001, 0.02, 0.1, 0.5, 0.9, 0.99]) {
      const cut = whole.subarray(0, Math.floor(share * whole.length));
      expect(await refusal(cut), `at ${share}`).toMatch(/^decoding it: /);
    }
  });

  test.each([
    ["an SVG", Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"), /SVG or XML/],
    ["a HEIC", Buffer.from("00000018667479706865696300000000", "hex"), /HEIC.*convert it to JPEG/],
    ["a video", Buffer.from("00000018667479706d70343200000000", "hex"), /video/],
    ["a text", Buffer.from("hello"), /not a picture by its first bytes/],
    ["nothing", Buffer.alloc(0), /empty file/],
    ["one byte", Buffer.from([0xff]), /not a picture/],
  ])("%s, by what it is", async (_, bytes, reason) => {
    expect(await refusal(bytes)).toMatch(reason);
  });

  test("too many pixels, from the header alone", async () => {
    const startedAt = performance.now();
    const message = await refusal(pngOf(30_000, 30_000, Buffer.alloc(100)));
    expect(message).toMatch(/30000x30000 pixels.*at most 64000000.*maxPixels/);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    const jpeg = await encoders.jpeg!().toBuffer();
    const frame = jpeg.indexOf(Buffer.from("ffc0", "hex"));
    jpeg.writeUInt16BE(65_500, frame + 5);
    jpeg.writeUInt16BE(65_500, frame + 7);
    expect(await refusal(jpeg)).toMatch(/65500x65500 pixels/);
    expect(await refusal(await encoders.png!().toBuffer(), { maxPixels: 100 })).toMatch(/24x16 pixels.*at most 100/);
  });

  test("a JPEG of 12 bits a channel", async () => {
    const jpeg = await encoders.jpeg!().toBuffer();
    const frame = jpeg.indexOf(Buffer.from("ffc0", "hex"));
    jpeg[frame + 1] = 0xc1; // extended sequential, where 12 bits are allowed
    jpeg[frame + 4] = 12;
    expect(await refusal(jpeg)).toMatch(/^decoding it: .*precision 12/);
  });

  test("a header that promises more rows than there are", async () => {
    expect(await refusal(pngOf(100, 100, Buffer.alloc(10 * 301)))).toMatch(/^decoding it: /);
  });
});

/** An RGB PNG with this header, these (uncompressed) rows and chunks around them, whether they belong together or not. */
function pngOf(columns: number, rows: number, data: Buffer, before: PngChunk[] = [], after: PngChunk[] = []): Buffer {
  const chunk = (type: string, body: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), body]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(columns, 0);
  header.writeUInt32BE(rows, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunks: PngChunk[] = [
    ["IHDR", header],
    ...before,
    ["IDAT", deflateSync(data)],
    ...after,
    ["IEND", Buffer.alloc(0)],
  ];
  const parts = chunks.map(([type, body]) => chunk(type, body));
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...parts]);
}

type PngChunk = [type: string, body: Buffer];

/** Rows of an 8x8 RGB picture of one grey, each behind its filter byte. */
const greyRows = (value: number): Buffer =>
  Buffer.concat(Array.from({ length: 8 }, () => Buffer.concat([Buffer.from([0]), Buffer.alloc(24, value)])));

test("of an animated PNG the first frame is taken", async () => {
  const numbers = (...values: number[]) =>
    Buffer.concat(values.map((value) => Buffer.from(new Uint32Array([value]).buffer).swap32()));
  const frameControl = (sequence: number) =>
    Buffer.concat([numbers(sequence, 8, 8, 0, 0), Buffer.from([0, 1, 0, 10, 0, 0])]);
  const second = Buffer.concat([numbers(2), deflateSync(greyRows(10))]);
  const bytes = pngOf(
    8,
    8,
    greyRows(200),
    [
      ["acTL", numbers(2, 0)],
      ["fcTL", frameControl(0)],
    ],
    [
      ["fcTL", frameControl(1)],
      ["fdAT", second],
    ],
  );
  const image = await decoded(bytes);
  expect([image.height, image.width, image.pixels[0], image.pixels.at(-1)]).toEqual([8, 8, 200, 200]);
});

test.each([
  ["text", (body: Buffer) => ["zTXt", Buffer.concat([Buffer.from("Comment\0\0"), body])] as PngChunk],
  ["a colour profile", (body: Buffer) => ["iCCP", Buffer.concat([Buffer.from("profile\0\0"), body])] as PngChunk],
])("%s that unpacks to 300 MB is refused or passed over, in little memory", async (_, chunkOf) => {
  const bomb = chunkOf(deflateSync(Buffer.alloc(300 * 2 ** 20)));
  const before = process.memoryUsage.rss();
  const outcome = await decoded(pngOf(8, 8, greyRows(200), [bomb])).catch((error: unknown) => error);
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 2 ** 20);
  if (outcome instanceof SelfsightError) expect(outcome.kind).toBe("data");
  else expect((outcome as RawImage).pixels[0]).toBe(200);
});

test("a picture in another colour space keeps its colours", async () => {
  const file = await picture().withIccProfile("p3").png().toBuffer();
  expectQuadrants(await decoded(file), quadrants, 2); // its numbers are others, and come back by its profile
});

test("EXIF that is damaged turns nothing and refuses nothing", async () => {
  const bytes = await picture().withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer();
  const start = bytes.indexOf(Buffer.from("Exif\0\0"));
  expect(start).toBeGreaterThan(0);
  bytes.fill(0xff, start + 6, start + 30);
  const image = await decoded(bytes);
  expect([image.height, image.width]).toEqual([height, width]);
  expectQuadrants(image, quadrants, 12);
});

function keyedBytes(seed: number) {
  const next = keyedStream(seed);
  return () => Math.floor(256 * next());
}

test.each(["jpeg", "png", "webp"])("300 mutations of a %s: a picture or a refusal, each in time", async (kind) => {
  const whole = await encoders[kind]!().toBuffer();
  const next = keyedStream(11, kind.length);
  const at = (length: number) => Math.floor(next() * length);
  let refused = 0;
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(whole);
    for (let flips = 1 + at(4); flips > 0; flips--) bytes[at(bytes.length)]! ^= 1 << at(8);
    if (round % 3 === 1) bytes.copy(bytes, at(bytes.length), at(bytes.length), bytes.length);
    if (round % 3 === 2) bytes.writeUInt16BE(at(65536), at(bytes.length - 2));
    const startedAt = performance.now();
    const outcome = await decodeBytes(bytes, "it", { maxPixels: 1e6 }).catch((error: unknown) => error);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    if (outcome instanceof SelfsightError) refused++;
    else expect(outcome).toHaveProperty("pixels.length");
  }
  expect(refused).toBeGreaterThan(30);
});

test("a file is decoded by its content, whatever it is called", async () => {
  const path = join(folder, "really-a-png.txt");
  await writeFile(path, await encoders.png!().toBuffer());
  expectQuadrants(await decodeImage({ path }), quadrants, 0);
  expectQuadrants(await decodeImage(path), quadrants, 0);
});

test("what is neither a path nor has one is refused with a sentence", async () => {
  for (const source of [undefined, Buffer.from("x"), { label: "x" }, new URL("file:///x.png")])
    await expect(decodeImage(source as never)).rejects.toMatchObject({
      kind: "configuration",
      message: expect.stringMatching(/^decodeImage: no path was given; .*give bytes to decodeBytes/),
    });
});

test("a file that is not there, or is a folder, is named with the reason", async () => {
  await expect(decodeImage({ path: join(folder, "gone.png"), label: "gone.png" })).rejects.toThrow(
    /decoding gone.png: it cannot be read \(ENOENT/,
  );
  await expect(decodeImage({ path: folder, label: "folder.jpg" })).rejects.toThrow(
    /decoding folder.jpg: it is no regular file/,
  );
});

test("a picture of another size than its folder's listing says is read with a remark", async () => {
  const path = join(folder, "listed.png");
  const bytes = await encoders.png!().toBuffer();
  await writeFile(path, bytes);
  expect((await decodeImage({ path, bytes: bytes.length })).remark).toBeUndefined();
  expect((await decodeImage({ path, bytes: bytes.length + 1 })).remark).toBe("changed since it was listed");
});
