// From an encoded picture to 8-bit sRGB. H height, W width, C channels
import sharp, { type Metadata, type Sharp } from "sharp";
import type { RawImage, SampleRules } from "../dataset.ts";
import { bmpSize, decodeBmp } from "./bmp.ts";
import type { ImageType } from "./image-type.ts";
import { hasPngProfile, isApplicable } from "./profile.ts";
import { missingBand } from "./tiff-tags.ts";

sharp.cache(false); // pictures are decoded once; a cache would only hold memory

export interface Decoding extends SampleRules {
  /** What the decoder refuses: "warning" all that is unusual, "error" only what cannot be read. */
  failOn: "warning" | "error";
  maxPixels: number;
  /** See `DecodeOptions.shortSide`. */
  shortSide: number | undefined;
}

/** A fault that needs no explaining: its text may stand behind the file's name. */
export class Undecodable extends Error {}

/** Pixels [H, W, 3] of a picture of this type. Errors: the decoder's. */
export const pixelsOf = (bytes: Buffer, type: ImageType, how: Decoding): Promise<RawImage> =>
  type === "bmp" ? bitmapPixels(bytes, how) : encodedPixels(bytes, type, how);

/** Width and height as the header says them, whatever they are. */
export const storedSize = async (bytes: Buffer, type: ImageType): Promise<{ width: number; height: number }> =>
  type === "bmp" ? bmpSize(bytes) : sharp(bytes, { limitInputPixels: false }).metadata();

async function bitmapPixels(bytes: Buffer, how: Decoding): Promise<RawImage> {
  const { maxPixels, shortSide, bands } = how;
  const stored = bmpSize(bytes);
  if (stored.width * stored.height > maxPixels) throw new Error("more than the pixel limit");
  const { pixels, hasProfile, ...size } = decodeBmp(bytes);
  const open = () => sharp(pixels, { raw: { ...size, channels: 4 } });
  const facts = { ...size, channels: 3, space: "srgb", depth: "uchar" };
  const image = await (bands ? chosenPixels(open, facts, how) : shallowPixels(halved(open(), size, shortSide)));
  return hasProfile ? withRemark(image, lostProfile) : image;
}

const lostProfile = "a colour profile that cannot be applied";

async function encodedPixels(bytes: Buffer, type: ImageType, how: Decoding): Promise<RawImage> {
  const options = { failOn: how.failOn, limitInputPixels: how.maxPixels, autoOrient: true };
  const facts = await sharp(bytes, options).metadata();
  if (how.bands !== null || (how.range !== null && facts.depth !== "uchar"))
    return chosenPixels(() => sharp(bytes, { ...options, ignoreIcc: true }), facts, how);
  const isProfiled = facts.icc !== undefined && isApplicable(facts.icc, facts.space);
  const picture = halved(sharp(bytes, { ...options, ignoreIcc: !isProfiled || isDeep(facts) }), facts, how.shortSide);
  const image = isProfiled && isDeep(facts) ? await deepPixels(picture, facts) : await shallowPixels(picture);
  const hasLostProfile = !isProfiled && (facts.icc !== undefined || (type === "png" && hasPngProfile(bytes)));
  return hasLostProfile ? withRemark(image, lostProfile) : image;
}

/** Kinds of remarks are counted, so each is said in the same words of every picture. */
export const withRemark = (image: RawImage, remark: string): RawImage => ({
  ...image,
  remark: image.remark === undefined ? remark : `${image.remark} and ${remark}`,
});

const isDeep = ({ space }: Metadata): boolean => space === "rgb16" || space === "grey16";

/** Resized by a power of two, while the shorter side keeps what was asked. */
function halved(
  picture: Sharp,
  { width, height }: { width: number; height: number },
  shortSide: number | undefined,
): Sharp {
  const stored = Math.min(width, height);
  const halvings = shortSide === undefined ? 0 : Math.floor(Math.log2(stored / shortSide));
  if (halvings < 1) return picture;
  const target = Math.floor(stored / 2 ** halvings);
  return picture.resize({ width: target, height: target, fit: "outside" });
}

async function shallowPixels(picture: Sharp): Promise<RawImage> {
  const interleaved = picture.flatten({ background: "white" }).toColourspace("srgb").raw({ depth: "uchar" });
  const { data, info } = await interleaved.toBuffer({ resolveWithObject: true });
  return { pixels: toRgb(data, info.channels), height: info.height, width: info.width };
}

/** Colour as it is, without a copy; grey repeated three times. The bytes own their memory, so that they can move to another thread. */
function toRgb(decoded: Buffer, channels: number): Uint8Array {
  const bytes = new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength);
  if (channels === 3) return bytes.byteLength === decoded.buffer.byteLength ? bytes : bytes.slice();
  const pixels = new Uint8Array((3 * bytes.length) / channels); // [H, W, 3]
  for (let to = 0, from = 0; to < pixels.length; to += 3, from += channels) pixels.fill(bytes[from]!, to, to + 3);
  return pixels;
}

/**
 * Pixels of 16 bits with a profile. sharp itself brings these to another space (Display P3), or passes over the profile of grey
 * ones, so here they keep their own until the last step, which takes them to sRGB in 16 bits.
 */
async function deepPixels(picture: Sharp, { space }: Metadata): Promise<RawImage> {
  const inOwnSpace = picture.toColourspace(space).withIccProfile("srgb").raw({ depth: "ushort" });
  const { data, info } = await inOwnSpace.toBuffer({ resolveWithObject: true });
  const samples = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2); // [H, W, C]
  return { pixels: overWhite(samples, info.channels), height: info.height, width: info.width };
}

/** RGB or RGBA of 16 bits in 8, transparency laid over white. */
function overWhite(samples: Uint16Array, channels: number): Uint8Array {
  const pixels = new Uint8Array((3 * samples.length) / channels); // [H, W, 3]
  for (let to = 0, from = 0; to < pixels.length; to += 3, from += channels) {
    const opacity = channels === 4 ? samples[from + 3]! / 65535 : 1;
    for (let c = 0; c < 3; c++) pixels[to + c] = Math.round((samples[from + c]! * opacity) / 257 + 255 * (1 - opacity));
  }
  return pixels;
}

/** What the decoder says of a picture's samples. */
interface SampleFacts {
  channels: number;
  space: string;
  depth: string;
}

/** Pixels by the rules alone: the bands that were chosen, their range where one was said, and no profile. */
async function chosenPixels(
  open: () => Sharp,
  facts: SampleFacts,
  { range, bands, shortSide }: Decoding,
): Promise<RawImage> {
  const wanted = bands ?? (facts.channels < 3 ? [1] : [1, 2, 3]);
  const missing = missingBand(facts.channels, wanted);
  if (missing !== undefined) throw new Undecodable(`it has ${missing}`);
  const planes = await Promise.all(wanted.map((band) => planeOf(open(), band - 1, facts, range)));
  const { height, width } = planes[0]!;
  const pixels = new Uint8Array(3 * height * width); // [H, W, 3]
  for (let c = 0; c < 3; c++) {
    const { samples } = planes[planes.length === 1 ? 0 : c]!;
    for (let i = 0; i < samples.length; i++) pixels[3 * i + c] = samples[i]!;
  }
  return shallowPixels(halved(sharp(pixels, { raw: { height, width, channels: 3 } }), { height, width }, shortSide));
}

/** One band in 8 bits. The decoder keeps what is of 16 bits so until its last step. */
async function planeOf(
  picture: Sharp,
  band: number,
  { channels, space, depth }: SampleFacts,
  range: SampleRules["range"],
) {
  const isWide = space === "rgb16" || space === "grey16";
  const [low, high] = range ?? [0, 1];
  const scale = (isWide ? 65535 : 255) / (high - low);
  const rounding = isWide ? 0 : 0.5; // it cuts fractions off
  const isScaled = range !== null && depth !== "uchar";
  if (isScaled) picture.linear(Array(channels).fill(scale), Array(channels).fill(rounding - low * scale));
  const plane = picture
    .toColourspace(space)
    .extractChannel(band as 0)
    .raw({ depth: isWide ? "ushort" : "uchar" });
  const { data, info } = await plane.toBuffer({ resolveWithObject: true });
  const samples = isWide
    ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2).map((x) => Math.round(x / 257))
    : data;
  return { samples, height: info.height, width: info.width };
}
