// Samples whose meaning a file does not declare: refused by name with what is needed, or read by rules that say it.
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { bmpOf, greyProfile, instruments, rising, type TiffParts, tiffOf } from "../../../test/drawn-pictures.ts";
import { type DecodeOptions, decodeBytes } from "./decode.ts";

const decoded = (bytes: Buffer, options: DecodeOptions = {}) => decodeBytes(bytes, "it", options);
const reds = async (bytes: Buffer, options: DecodeOptions) =>
  [...(await decoded(bytes, options)).pixels].filter((_, i) => i % 3 === 0);
/** What 0 to 255 in equal steps over the picture are, within rounding. */
function expectRamp(values: readonly number[]) {
  expect(values).toHaveLength(1024);
  values.forEach((value, i) => void expect(Math.abs(value - (255 * i) / 1023)).toBeLessThanOrEqual(1));
}

test.each([
  ["float32.tif", /it has float samples without a range \(set range to .*such as --range 0 1\)\.$/],
  ["uint32.tif", /it has 32-bit samples without a range \(.*--range /],
  ["int16.tif", /it has samples with a sign without a range \(.*--range /],
  ["uint16-12-bits-used.tif", /it has 16-bit grey samples without a range \(.*--range 0 4095, or 0 65535/],
  ["four-bands.tif", /it has 4 bands without a meaning \(.*--bands 1,2,3\)\.$/],
] as const)("%s is refused by what it needs", async (name, reason) => {
  await expect(decoded(instruments[name]())).rejects.toThrow(reason);
});

test.each([
  ["float32.tif", [0, 1]],
  ["uint32.tif", [0, 1023 * 4000]],
  ["int16.tif", [-4096, 1023 * 8 - 4096]],
  ["uint16-12-bits-used.tif", [0, 1023 * 4]],
] as const)("%s is read by a range, and clipped at its ends", async (name, [low, high]) => {
  const bytes = instruments[name]();
  expectRamp(await reds(bytes, { range: [low, high] }));
  const middle = low + (high - low) / 2;
  const quarter = (high - low) / 4;
  const clipped = await reds(bytes, { range: [middle - quarter, middle + quarter] });
  expect([clipped[0], clipped[200], clipped[1000], clipped.at(-1)]).toEqual([0, 0, 255, 255]);
  expect(Math.abs(clipped[512]! - 128)).toBeLessThanOrEqual(2);
});

test("bands are taken by their numbers, as grey or as colours", async () => {
  const bytes = instruments["four-bands.tif"]();
  expect([...(await decoded(bytes, { bands: [4, 1, 2] })).pixels.subarray(0, 6)]).toEqual([120, 0, 40, 120, 0, 40]);
  expect([...(await decoded(bytes, { bands: [3] })).pixels.subarray(0, 3)]).toEqual([80, 80, 80]);
  await expect(decoded(bytes, { bands: [5, 1, 1] })).rejects.toThrow(/it has 4 bands, and band 5 was asked for\.$/);
});

test("bands of one kind of file are bands of all kinds", async () => {
  const red = sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 200, g: 40, b: 20 } } });
  const bmp = bmpOf({ bits: 24, width: 1, rows: [Buffer.from([20, 40, 200])] });
  for (const bytes of [
    await red.clone().png().toBuffer(),
    await red.clone().toColourspace("rgb16").png().toBuffer(),
    bmp,
  ]) {
    const { pixels } = await decoded(bytes, { bands: [3, 1, 2] });
    expect([...pixels.subarray(0, 3)].map((value, c) => Math.abs(value - [20, 200, 40][c]!) <= 1)).not.toContain(false);
    await expect(decoded(bytes, { bands: [4] })).rejects.toThrow(/3 bands, and band 4 was asked for/);
  }
});

test("colours of many bits with a range, halved as any other; 8-bit files keep their own", async () => {
  const data = rising(Float32Array, (i) => [0.25, 0.5, 1][i % 3]!, 3 * 1024);
  const colours = tiffOf({ width: 32, height: 32, bits: 32, format: 3, bands: 3, photometric: 2, data });
  const image = await decoded(colours, { range: [0, 1], shortSide: 8 });
  expect([image.height, image.width, ...image.pixels.subarray(0, 3)]).toEqual([8, 8, 64, 128, 255]);
  const grey = await sharp({ create: { width: 2, height: 2, channels: 3, background: "gray" } })
    .png()
    .toBuffer();
  expect(await decoded(grey, { range: [0, 1] })).toEqual(await decoded(grey));
});

describe("what declares itself is read without rules", () => {
  const base = { width: 2, height: 2 } as const;
  test.each<[string, TiffParts, number[]]>([
    ["8-bit grey", { ...base, bits: 8, data: Buffer.alloc(4, 100) }, [100, 100, 100]],
    ["8-bit RGB", { ...base, bits: 8, bands: 3, photometric: 2, data: Buffer.alloc(12, 100) }, [100, 100, 100]],
    [
      "RGB with opacity",
      { ...base, bits: 8, bands: 4, photometric: 2, meanings: [2], data: Buffer.alloc(16, 255) },
      [255, 255, 255],
    ],
    [
      "16-bit RGB",
      { ...base, bits: 16, bands: 3, photometric: 2, data: rising(Uint16Array, () => 100 * 257, 12) },
      [100, 100, 100],
    ],
    [
      "16-bit grey with a profile",
      { ...base, bits: 16, data: rising(Uint16Array, () => 74 * 257, 4), profile: greyProfile(1.8) },
      [92, 92, 92],
    ],
  ])("%s", async (_, parts, expected) => {
    const { pixels } = await decoded(tiffOf(parts));
    expect(Math.max(...expected.map((value, c) => Math.abs(value - pixels[c]!)))).toBeLessThanOrEqual(1);
  });

  test("in either byte order", async () => {
    const data = rising(Uint16Array, (i) => i * 4).swap16();
    const bytes = tiffOf({ width: 32, height: 32, bits: 16, data, isBig: true });
    await expect(decoded(bytes)).rejects.toThrow(/16-bit grey samples without a range/);
    expectRamp(await reds(bytes, { range: [0, 1023 * 4] }));
  });
});

test("a fourth band of which RGB says nothing, and samples that no decoder takes, are refused", async () => {
  const extra = {
    width: 2,
    height: 2,
    bits: 8,
    bands: 4,
    photometric: 2,
    meanings: [0],
    data: Buffer.alloc(16),
  } as const;
  await expect(decoded(tiffOf(extra))).rejects.toThrow(/4 bands without a meaning/);
  const deep = { width: 2, height: 2, bits: 64, format: 3, data: Buffer.alloc(32) } as const;
  await expect(decoded(tiffOf(deep), { range: [0, 1] })).rejects.toThrow(/64-bit samples, which are not read/);
});

test("tags that lead out of the file are the decoder's to refuse", async () => {
  const whole = instruments["float32.tif"]();
  for (const [place, value] of [
    [4, 4_000_000],
    [8, 65_535],
  ] as const) {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(value, place);
    await expect(decoded(bytes)).rejects.toThrow(/^decoding it: it is damaged or cut short/);
  }
});
