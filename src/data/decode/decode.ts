// H height, W width
import { CallError, SelfsightError } from "../../errors.ts";
import type { RawImage, ReadingRules, SampleRules } from "../dataset.ts";
import type { ImageFile } from "../picture-files.ts";
import { acceptedTypes, type ImageType, imageType, sniffedBytes, whyNotAnImage } from "./image-type.ts";
import { mendJpeg } from "./jpeg-parts.ts";
import { labelOf, type PictureSource, readPicture } from "./picture-bytes.ts";
import { type Decoding, pixelsOf, storedSize, Undecodable, withRemark } from "./pixels.ts";
import { tiffSamples, undeclared } from "./tiff-tags.ts";

export interface DecodeOptions {
  /**
   * Pictures are halved as long as their shorter side keeps this many pixels: it ends below twice as many, and never grows.
   * Halving is what a JPEG's decoder does by itself; any other reduction costs more than it saves. Default: as stored.
   */
  shortSide?: number;
  /** Pictures with more pixels are refused from their header, before memory is taken. Default 64 million. */
  maxPixels?: number;
  /** See `ReadingRules.range`. */
  range?: ReadingRules["range"];
  /** See `ReadingRules.bands`. */
  bands?: ReadingRules["bands"];
}

/** A decoded picture, or why the file is bad. */
export type Decoded = { image: RawImage } | { error: SelfsightError };

/** Threads that decode. */
export interface DecodePool {
  decode(file: Omit<ImageFile, "modifiedSeconds">): Promise<Decoded>;
  close(): void;
}

export const defaultMaxPixels = 64_000_000;

/**
 * Decodes a picture file to 8-bit sRGB pixels [H, W, 3], turned upright by its EXIF orientation.
 *
 * Transparency is laid over white; of an animation the first frame is taken; grey, palette, 16-bit and CMYK pictures become
 * 8-bit RGB. A warning of the decoder refuses the file: a picture cut short is never accepted half grey. Where the same file
 * without its peculiarities (bytes between a JPEG's parts, faulty tags) is sound, it is read, with a remark.
 *
 * @throws SelfsightError "data" with the file's name and the reason.
 */
export async function decodeImage(source: string | PictureSource, options: DecodeOptions = {}): Promise<RawImage> {
  const given = typeof source === "string" ? { path: source } : withPath(source);
  const bytes = await readPicture(given);
  const image = await decodeBytes(bytes, labelOf(given), options);
  return given.bytes && bytes.length !== given.bytes ? withRemark(image, "changed since it was listed") : image;
}

/** Callers without types may give anything. */
function withPath(source: PictureSource): PictureSource {
  const path: unknown = source?.path;
  if (typeof path === "string" || path instanceof Uint8Array) return source;
  throw new CallError(
    "decodeImage: no path was given; the path of a picture, or { path, label }, is needed; give bytes to decodeBytes",
  );
}

/** Decodes a picture held in memory; `label` is what messages call it. See `decodeImage`. */
export async function decodeBytes(given: Uint8Array, label: string, options: DecodeOptions = {}): Promise<RawImage> {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const type = imageType(bytes.subarray(0, sniffedBytes));
  if (type === undefined)
    throw refusal(label, `${whyNotAnImage(bytes.subarray(0, sniffedBytes))}; ${acceptedTypes} are read`);
  const { maxPixels = defaultMaxPixels, shortSide, range = null, bands = null } = options;
  await refuseUndeclared(bytes, type, label, { range, bands });
  try {
    return await decodeTolerantly(bytes, type, { maxPixels, shortSide, range, bands });
  } catch (cause) {
    throw await explained(cause, { bytes, type, label, maxPixels });
  }
}

async function refuseUndeclared(bytes: Buffer, type: ImageType, label: string, rules: SampleRules): Promise<void> {
  const samples = type === "tiff" && (await tiffSamples((offset, length) => bytes.subarray(offset, offset + length)));
  const reason = samples ? undeclared(samples, rules) : undefined;
  if (reason !== undefined) throw refusal(label, `it has ${reason}`);
}

/** Strictly first. What fails is tried without what every viewer passes over; the fault that is left then is the file's. */
async function decodeTolerantly(bytes: Buffer, type: ImageType, how: Omit<Decoding, "failOn">): Promise<RawImage> {
  try {
    return await pixelsOf(bytes, type, { ...how, failOn: "warning" });
  } catch (cause) {
    const mended = type === "jpeg" ? mendJpeg(bytes) : undefined;
    if (mended) return withRemark(await pixelsOf(mended.bytes, type, { ...how, failOn: "warning" }), mended.remark);
    if (type !== "tiff") throw cause;
    return withRemark(await pixelsOf(bytes, type, { ...how, failOn: "error" }), "faulty tags of a TIFF"); // it warns of tags alone
  }
}

interface Attempt {
  bytes: Buffer;
  type: ImageType;
  label: string;
  maxPixels: number;
}

/** The decoder's error in our words; a picture over the limit is named with its size, read from the header alone. */
async function explained(cause: unknown, { bytes, type, label, maxPixels }: Attempt): Promise<SelfsightError> {
  const reason = reasonOf(cause);
  if (cause instanceof Undecodable) return refusal(label, reason);
  if (!/pixel limit/.test(reason)) return refusal(label, `it is damaged or cut short${firstFault(reason)}`, cause);
  const { width, height } = await storedSize(bytes, type);
  const found = `${width}x${height} pixels (width x height)`;
  return refusal(label, `it has ${found}; at most ${maxPixels} are decoded; raise maxPixels to accept it`, cause);
}

const reasonOf = (cause: unknown) => (cause instanceof Error ? cause.message.trim() : String(cause));

/** The decoder says a fault several times over, behind the names of its parts (`Input buffer has ...: VipsJpeg: ...`), or not at all. */
function firstFault(reason: string): string {
  const fault = reason.split("\n", 1)[0]!.replace(/^(Input (buffer|file) [^:]*:\s*|\w+:\s+)+/, "");
  return fault === "" ? "" : ` (${fault})`;
}

const refusal = (label: string, reason: string, cause?: unknown) =>
  new SelfsightError("data", `decoding ${label}: ${reason}.`, { cause });
