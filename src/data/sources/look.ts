// What a file is by its first bytes, its size and its time: nothing but regular files is ever opened.
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { SampleRules } from "../dataset.ts";
import { imageType, sniffedBytes, whyNotAnImage } from "../decode/image-type.ts";
import { tiffSamples, undeclared } from "../decode/tiff-tags.ts";
import type { ImageFile } from "../picture-files.ts";

export type FileFacts = Pick<ImageFile, "bytes" | "modifiedSeconds">;

/** Size and time of a picture, or the reason why the file is none. */
export async function lookInto(path: Uint8Array, rules: SampleRules): Promise<FileFacts | string> {
  try {
    const file = await open(Buffer.from(path), readOnly);
    try {
      const stats = await file.stat();
      const seen = firstLook(stats, stats.isFile() ? await readAt(file, 0, sniffedBytes) : noBytes);
      if (seen !== undefined) return seen;
      const samples = await tiffSamples((offset, length) => readAt(file, offset, length));
      return (samples && undeclared(samples, rules)) ?? factsOf(stats);
    } finally {
      await file.close();
    }
  } catch (cause) {
    return `cannot be read (${codeOf(cause)})`;
  }
}

/** The same without waiting; undefined for a TIFF, whose samples decide. */
export function lookNow(path: Buffer): FileFacts | string | undefined {
  try {
    const file = openSync(path, readOnly);
    try {
      const stats = fstatSync(file);
      const head = Buffer.alloc(sniffedBytes);
      return firstLook(stats, stats.isFile() ? head.subarray(0, readSync(file, head, 0, sniffedBytes, 0)) : noBytes);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    return `cannot be read (${codeOf(cause)})`;
  }
}

const readOnly = constants.O_RDONLY | constants.O_NONBLOCK;
const noBytes = Buffer.alloc(0);

function firstLook(stats: Stats, head: Buffer): FileFacts | string | undefined {
  if (!stats.isFile()) return "no regular file";
  const type = imageType(head);
  if (type === undefined) return whyNotAnImage(head);
  return type === "tiff" ? undefined : factsOf(stats);
}

/** What is kept of a file beside its name. */
export const factsOf = ({ size, mtimeMs }: Pick<Stats, "size" | "mtimeMs">): FileFacts => ({
  bytes: size,
  modifiedSeconds: Math.floor(mtimeMs / 1000),
});

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

/** The system's word for what went wrong, such as ENOENT. */
export const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
