// What an archive holds: pictures by where they lie in its file, and small texts beside them. Nothing is ever extracted.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { displayName, SelfsightError } from "../../errors.ts";
import type { FilePart, ImageFile } from "../picture-files.ts";
import { nameOfBytes } from "../picture-name.ts";

/** A regular file in an archive. */
export interface Member extends FilePart {
  /** A label, never a path to write to. */
  name: Buffer;
  /** When it is unpacked. */
  bytes: number;
}

/** What is no regular file, with the reason. */
export interface Omitted {
  name: Buffer;
  reason: string;
}

export type Entry = Member | Omitted;

/** An archive that is open for reading. */
export interface OpenArchive {
  path: string;
  file: FileHandle;
  size: number;
  /** When it was last changed, in seconds since 1970. */
  modifiedSeconds: number;
}

export const isMember = (entry: Entry): entry is Member => "offset" in entry;

/** Opens a regular file and closes it behind `use`. Errors: data, for anything else. */
export async function withArchive<T>(path: string, use: (archive: OpenArchive) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw refusal(path, `it cannot be read (${cause.code})`, "check path and permissions", cause);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw refusal(path, "it is no regular file", "give an archive of pictures");
    return await use({ path, file, size: stats.size, modifiedSeconds: Math.floor(stats.mtimeMs / 1000) });
  } finally {
    await file.close();
  }
}

/** `length` bytes, fewer where the file ends before. */
export async function readAt({ file }: Pick<OpenArchive, "file">, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, offset + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

/** A member as the decoder takes it; `shard` stands before its name where there are several. */
export function imageFileOf(
  archive: OpenArchive,
  { name, bytes, offset, length, isDeflated }: Member,
  shard: string,
): ImageFile {
  return {
    path: Buffer.from(archive.path),
    part: { offset, length, isDeflated },
    label: `${shard}${nameOfBytes(name)}`,
    bytes,
    modifiedSeconds: archive.modifiedSeconds,
  };
}

export const refusal = (path: string, found: string, advice: string, cause?: unknown): SelfsightError =>
  new SelfsightError("data", `reading ${displayName(path)}: ${found}; ${advice}`, { cause });
