// Kinds of files that people have beside plain JPEG and PNG: bitmaps, 16 bits, profiles, files with peculiarities.
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { bmpOf, cutShort, greyProfile, jpegOf, withChunk, withProfile } from "../../../test/drawn-pictures.ts";
import type { RawImage } from "../dataset.ts";
import { decodeBytes } from "./decode.ts";
import { imageType } from "./image-type.ts";

const decoded = (bytes: Buffer, options = {}) => decodeBytes(bytes, "it", options);
const first = ({ pixels }: RawImage) => [...pixels.subarray(0, 3)];

function expectNear(found: Uint8Array | number[], expected: Uint8Array | number[], most: number) {
  expect(found.length).toBe(expected.length);
  const worst = Math.max(...Array.from(found, (value, i) => Math.abs(value - expected[i]!)));
  expect(worst).toBeLessThanOrEqual(most);
}

describe("a bitmap is read", () => {
  /** Red, green and blue beside white, the first row above the second. */
  const expected = [200, 40, 40, 40, 180, 40, 40, 40, 220, 255, 255, 255, 0, 0, 0, 200, 40, 40];
  const [red, green, blue, white, black] = ["2828c8", "28b428", "dc2828", "ffffff", "000000"];
  const bytes = (text: string) => Buffer.from(text, "hex");
  const palette = bytes([red, green, blue, white, black].map((colour) => `${colour}00`).join(""));
  const wide = (text: string) => bytes(text.replace(/.{6}/g, "$&00"));
  const top24 = bytes(`${red}${green}${blue}`);
  const bottom24 = bytes(`${white}${black}${red}`);

  test.each([
    ["24 bits from the bottom", { bits: 24, rows: [bottom24, top24] }],
    ["24 bits from the top", { bits: 24, rows: [top24, bottom24], isFromTop: true }],
    ["32 bits without opacity", { bits: 32, rows: [wide(bottom24.toString("hex")), wide(top24.toString("hex"))] }],
    ["8 bits of a palette", { bits: 8, palette, rows: [bytes("030400"), bytes("000102")] }],
    ["4 bits of a palette", { bits: 4, palette, rows: [bytes("3400"), bytes("0120")] }],
  ] as const)("%s", async (_, parts) => {
    const image = await decoded(bmpOf({ width: 3, ...parts }));
    expect([image.height, image.width, [...image.pixels]]).toEqual([2, 3, expected]);
  });

  test("1 bit, more than a byte of it", async () => {
    const twoColours = bytes(`${black}00${white}00`);
    const image = await decoded(bmpOf({ bits: 1, width: 9, palette: twoColours, rows: [bytes("8080")] }));
    expect([...image.pixels].filter((_, i) => i % 3 === 0)).toEqual([255, 0, 0, 0, 0, 0, 0, 0, 255]);
  });

  test("16 bits, by themselves and by masks", async () => {
    const plain = await decoded(bmpOf({ bits: 16, width: 1, rows: [bytes("007c")] }));
    const masked = bmpOf({
      bits: 16,
      width: 1,
      compression: 3,
      masks: [0xf800, 0x7e0, 0x1f, 0],
      rows: [bytes("e007")],
    });
    expect([first(plain), first(await decoded(masked))]).toEqual([
      [255, 0, 0],
      [0, 255, 0],
    ]);
  });

  test("32 bits with opacity, which is laid over white", async () => {
    const masks = [0xff0000, 0xff00, 0xff, 0xff000000];
    const half = bmpOf({ bits: 32, width: 1, compression: 3, masks, rows: [bytes("00000080")] });
    expectNear(first(await decoded(half)), [127, 127, 127], 1);
    const none = bmpOf({ bits: 32, width: 1, compression: 3, masks, rows: [bytes("2828c800")] });
    expect(first(await decoded(none))).toEqual([200, 40, 40]);
  });

  test("halved as any other, and refused over the limit by its header", async () => {
    const rows = Array.from({ length: 64 }, () => Buffer.alloc(3 * 64, 120));
    const large = bmpOf({ bits: 24, width: 64, rows });
    expect(await decoded(large, { shortSide: 16 })).toMatchObject({ height: 16, width: 16 });
    await expect(decoded(large, { maxPixels: 100 })).rejects.toThrow(/64x64 pixels.*at most 100 are decoded/);
  });

  test("refused where it is cut short or compressed", async () => {
    const cut = bmpOf({ bits: 24, width: 3, rows: [bottom24, top24] }).subarray(0, 60);
    await expect(decoded(cut)).rejects.toThrow(
      /decoding it: it is damaged or cut short \(the file ends before its pixels do\)/,
    );
    const packed = bmpOf({ bits: 8, width: 3, compression: 1, palette, rows: [bytes("030400")] });
    await expect(decoded(packed)).rejects.toThrow(/a compressed BMP picture, which is not read/);
    expect(imageType(Buffer.from("BMW and other makers of cars in Bavaria"))).toBeUndefined();
  });
});

test("HEIC is taken in where libvips takes it in", () => {
  const heic = Buffer.from("00000018667479706865696300000000", "hex");
  expect([imageType(heic, true), imageType(heic, false)]).toEqual(["heic", undefined]);
});

describe("16 bits are the 8-bit picture within 1", () => {
  const flat = (alpha = 1) =>
    sharp({
      create: { width: 8, height: 8, channels: alpha < 1 ? 4 : 3, background: { r: 200, g: 40, b: 40, alpha } },
    });
  const deep = (picture: Sharp) => picture.toColourspace("rgb16");

  test.each(["srgb", "p3"])("RGB with the profile %s, opaque and not, whole and halved", async (profile) => {
    for (const alpha of [1, 0.5])
      for (const options of [{}, { shortSide: 2 }]) {
        const shallow = await decoded(await flat(alpha).withIccProfile(profile).png().toBuffer(), options);
        const image = await decoded(await deep(flat(alpha)).withIccProfile(profile).png().toBuffer(), options);
        expectNear(image.pixels, shallow.pixels, 1);
        if (alpha === 1) expectNear(first(image), [200, 40, 40], 1);
      }
  });

  test("RGB without a profile", async () => {
    expect(first(await decoded(await deep(flat()).png().toBuffer()))).toEqual([200, 40, 40]);
  });

  test("grey with and without a profile", async () => {
    const grey = () => sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 74, g: 74, b: 74 } } });
    const pngs = await Promise.all(["b-w", "grey16"].map((space) => grey().toColourspace(space).png().toBuffer()));
    for (const png of pngs) {
      expect(first(await decoded(png))).toEqual([74, 74, 74]);
      const image = await decoded(withProfile(png, greyProfile(1.8)));
      expectNear(first(image), [92, 92, 92], 1); // 255 (74 / 255)^1.8, back through sRGB's curve
      expect(image.remark).toBeUndefined();
    }
  });
});

describe("a profile that cannot be applied is remarked on, and the pixels are taken as they are", () => {
  const remark = "a colour profile that cannot be applied";
  const png = () => sharp({ create: { width: 4, height: 4, channels: 3, background: { r: 74, g: 74, b: 74 } } }).png();

  test.each([
    ["of another colour space", greyProfile(1.8)],
    ["without curves", greyProfile(1.8, "RGB ")],
    ["cut short", greyProfile(1.8, "RGB ").subarray(0, 140)],
    ["that is none", Buffer.from("not a profile")],
  ])("%s", async (_, profile) => {
    const image = await decoded(withProfile(await png().toBuffer(), profile));
    expect([first(image), image.remark]).toEqual([[74, 74, 74], remark]);
  });

  test("of colour, in a grey picture of 16 bits", async () => {
    const grey = await png().toColourspace("grey16").toBuffer();
    const image = await decoded(withProfile(grey, greyProfile(1.8, "RGB ")));
    expect([first(image), image.remark]).toEqual([[74, 74, 74], remark]);
  });

  test("none at all is no remark", async () => {
    expect((await decoded(await png().toBuffer())).remark).toBeUndefined();
    expect((await decoded(await png().withIccProfile("p3").toBuffer())).remark).toBeUndefined();
  });
});

describe("what every viewer passes over is read with a remark, and no damage with it", () => {
  const between = "bytes between the parts of a JPEG";
  const table = Buffer.from("ffc4", "hex");
  const inserted = (jpeg: Buffer, at: number, bytes: Buffer) =>
    Buffer.concat([jpeg.subarray(0, at), bytes, jpeg.subarray(at)]);

  test("bytes before the end, and behind it, as phones leave them", async () => {
    const whole = await jpegOf(1);
    const expected = await decoded(whole);
    for (const bytes of [
      inserted(whole, whole.length - 2, Buffer.alloc(6)),
      Buffer.concat([whole, Buffer.from("SEFHk\0\0\0SEFT")]),
    ])
      expect(await decoded(bytes)).toEqual(expected);
  });

  test("bytes between the parts, and a scan that names no coefficients", async () => {
    const whole = await jpegOf(1);
    const { pixels } = await decoded(whole);
    const padded = inserted(whole, whole.indexOf(table), Buffer.alloc(4));
    expect(await decoded(padded)).toMatchObject({ pixels, remark: between });
    const scan = whole.indexOf(Buffer.from("ffda", "hex"));
    const unnamed = Buffer.from(whole);
    unnamed[scan + 5 + 2 * whole[scan + 4]! + 1] = 0;
    expect(await decoded(unnamed)).toMatchObject({ pixels, remark: "a JPEG scan that names no coefficients" });
  });

  test("a progressive JPEG keeps its scans", async () => {
    const whole = await sharp(await jpegOf(2))
      .jpeg({ progressive: true })
      .toBuffer();
    const padded = inserted(whole, whole.indexOf(table), Buffer.from([1, 2, 3]));
    expect(await decoded(padded)).toEqual({ ...(await decoded(whole)), remark: between });
  });

  test("a JPEG cut short is refused in one sentence, with such bytes or without", async () => {
    const cut = await cutShort(1);
    for (const bytes of [cut, inserted(cut, cut.indexOf(table), Buffer.alloc(4))])
      await expect(decoded(bytes)).rejects.toThrow(/^decoding it: it is damaged or cut short \([^;:()]+\)\.$/);
    const wrong = Buffer.from(await jpegOf(1));
    wrong.fill(0x55, wrong.indexOf(Buffer.from("ffda", "hex")) + 20, wrong.length - 40);
    await expect(decoded(wrong)).rejects.toThrow(/damaged or cut short/);
  });

  test("a TIFF with a tag that is not as it should be", async () => {
    const tiff = await sharp(await jpegOf(1))
      .tiff({ compression: "none" })
      .toBuffer();
    const { pixels } = await decoded(tiff);
    expect(await decoded(withBareText(tiff))).toMatchObject({ pixels, remark: "faulty tags of a TIFF" });
    await expect(decoded(withBareText(tiff).subarray(0, 3000))).rejects.toThrow(/damaged or cut short/);
  });

  test("a PNG's text with a wrong checksum", async () => {
    const bytes = withChunk(
      await sharp(await jpegOf(1))
        .png()
        .toBuffer(),
      "tEXt",
      Buffer.from("Comment\0x"),
    );
    bytes[bytes.indexOf("Comment")]! ^= 1;
    expect((await decoded(bytes)).height).toBe(48);
  });
});

/** The TIFF with one more tag, the name of a program, which holds no text; the directory moves to the end. */
function withBareText(tiff: Buffer): Buffer {
  const at = tiff.readUInt32LE(4);
  const count = tiff.readUInt16LE(at);
  const entries = Array.from({ length: count }, (_, i) => tiff.subarray(at + 2 + 12 * i, at + 14 + 12 * i));
  const bare = Buffer.from("310102000000000000000000", "hex"); // 305, text, none of it
  const ordered = [...entries, bare].sort((a, b) => a.readUInt16LE(0) - b.readUInt16LE(0));
  const bytes = Buffer.concat([tiff, Buffer.from([count + 1, 0]), ...ordered, Buffer.alloc(4)]);
  bytes.writeUInt32LE(tiff.length, 4);
  return bytes;
}
