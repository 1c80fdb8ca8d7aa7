// H height, W width
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import sharp, { type Sharp } from "sharp";
import { CallError, displayName, SelfsightError } from "../../errors.ts";
import type { RawImage } from "../dataset.ts";
import { acceptedTypes, imageType, sniffedBytes, whyNotAnImage } from "./image-type.ts";

export interface DecodeOptions {
  /**
   * Pictures are halved as long as their shorter side keeps this many pixels: it ends below twice as many, and never grows.
   * Halving is what a JPEG's decoder does by itself; any other reduction costs more than it saves. Default: as stored.
   */
  shortSide?: number;
  /** Pictures with more pixels are refused from their header, before memory is taken. Default 64 million. */
  maxPixels?: number;
}

/** A picture file. */
export interface PictureSource {
  path: string | Uint8Array;
  /** What messages call it; default its path. */
  label?: string;
}

export const defaultMaxPixels = 64_000_000;

/** A file is read whole before decoding (a mapped file that shrinks kills the process); above this it is refused. */
const maximumFileBytes = 512 * 1024 * 1024;

sharp.cache(false); // pictures are decoded once; a cache would only hold memory

/**
 * Decodes a picture file to 8-bit sRGB pixels [H, W, 3], turned upright by its EXIF orientation.
 *
 * Transparency is laid over white; of an animation the first frame is taken; grey, palette, 16-bit and CMYK pictures become
 * 8-bit RGB. Any warning of the decoder refuses the file: a picture cut short is never accepted half grey.
 *
 * @throws SelfsightError "data" with the file's name and the reason.
 */
export async function decodeImage(source: string | PictureSource, options: DecodeOptions = {}): Promise<RawImage> {
  const { path, label = displayName(path) } = typeof source === "string" ? { path: source } : withPath(source);
  const bytes = await readPicture(typeof path === "string" ? path : bufferOf(path), label);
  return decodeBytes(bytes, label, options);
}

/** The same memory as the type that Node's functions ask for. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

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
  const bytes = bufferOf(given);
  const head = bytes.subarray(0, sniffedBytes);
  if (imageType(head) === undefined) throw refusal(label, `${whyNotAnImage(head)}; ${acceptedTypes} are read`);
  const maxPixels = options.maxPixels ?? defaultMaxPixels;
  try {
    const picture = sharp(bytes, { failOn: "warning", limitInputPixels: maxPixels, autoOrient: true });
    if (options.shortSide !== undefined) await halve(picture, options.shortSide);
    const interleaved = picture.flatten({ background: "white" }).toColourspace("srgb").raw({ depth: "uchar" });
    const { data, info } = await interleaved.toBuffer({ resolveWithObject: true });
    return { pixels: toRgb(data, info.channels), height: info.height, width: info.width };
  } catch (cause) {
    throw await explained(cause, bytes, label, maxPixels);
  }
}

async function halve(picture: Sharp, shortSide: number): Promise<void> {
  const { width, height } = await picture.metadata();
  const stored = Math.min(width, height);
  const halvings = Math.floor(Math.log2(stored / shortSide));
  if (halvings < 1) return;
  const target = Math.floor(stored / 2 ** halvings);
  picture.resize({ width: target, height: target, fit: "outside" });
}

/** Colour as it is, without a copy; grey repeated three times. The bytes own their memory, so that they can move to another thread. */
function toRgb(decoded: Buffer, channels: number): Uint8Array {
  const bytes = new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength);
  if (channels === 3) return bytes.byteLength === decoded.buffer.byteLength ? bytes : bytes.slice();
  const pixels = new Uint8Array((3 * bytes.length) / channels); // [H, W, 3]
  for (let to = 0, from = 0; to < pixels.length; to += 3, from += channels) pixels.fill(bytes[from]!, to, to + 3);
  return pixels;
}

/** Reads a regular file; one that turned into a FIFO since it was listed is never waited for. */
async function readPicture(path: string | Buffer, label: string): Promise<Buffer> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return await readChecked(file, label);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw refusal(label, `it cannot be read (${reasonOf(cause)})`, cause);
  }
}

async function readChecked(file: FileHandle, label: string): Promise<Buffer> {
  const stats = await file.stat();
  if (!stats.isFile()) throw refusal(label, "it is no regular file");
  if (stats.size > maximumFileBytes)
    throw refusal(label, `it has ${stats.size} bytes; ${maximumFileBytes} are the most that is read`);
  return file.readFile();
}

/** The decoder's error in our words; a picture over the limit is named with its size, read from the header alone. */
async function explained(cause: unknown, bytes: Buffer, label: string, maxPixels: number): Promise<SelfsightError> {
  const reason = reasonOf(cause);
  if (!/pixel limit/.test(reason)) return refusal(label, `it is damaged or cut short${firstFault(reason)}`, cause);
  const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
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
