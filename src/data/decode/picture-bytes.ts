// The bytes of a picture, of a whole file or of a part of one. Read and not mapped: a mapped file that shrinks kills the process.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { displayName, SelfsightError } from "../../errors.ts";
import type { FilePart } from "../picture-files.ts";
import { nameOfBytes } from "../picture-name.ts";

/** A picture file, or a part of a file that is a picture. */
export interface PictureSource {
  path: string | Uint8Array;
  /** What messages call it; default its path. */
  label?: string;
  /** Where in the file it lies; default all of it. */
  part?: FilePart;
  /** Its size when it was listed; of a part, when it is unpacked. Default, and 0: not known. */
  bytes?: number;
}

/** Above this a file or part is refused. */
const mostBytes = 512 * 1024 * 1024;

/**
 * Reads a picture's bytes; a file that turned into a FIFO since it was listed is never waited for.
 *
 * @throws SelfsightError "data" with the picture's name and the reason.
 */
export async function readPicture(source: PictureSource): Promise<Uint8Array> {
  const { path } = source;
  try {
    const file = await open(
      typeof path === "string" ? path : Buffer.from(path),
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    try {
      return await readChecked(file, source);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw unreadable(source, `it cannot be read (${cause instanceof Error ? cause.message.trim() : cause})`, cause);
  }
}

/** What messages call it. */
export const labelOf = ({ path, label }: PictureSource): string =>
  label ?? (typeof path === "string" ? displayName(path) : nameOfBytes(path));

async function readChecked(file: FileHandle, source: PictureSource): Promise<Buffer> {
  const stats = await file.stat();
  if (!stats.isFile()) throw unreadable(source, "it is no regular file");
  const { part, bytes = stats.size } = source;
  const most = Math.max(bytes, part?.length ?? 0);
  if (most > mostBytes) throw unreadable(source, `it has ${most} bytes; ${mostBytes} are the most that is read`);
  return part ? readPart(file, part, source, bytes) : file.readFile();
}

const inflate = promisify(inflateRaw);

async function readPart(file: FileHandle, part: FilePart, source: PictureSource, bytes: number): Promise<Buffer> {
  const { offset, length, isDeflated } = part;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  if (bytesRead < length) throw unreadable(source, "its archive became shorter");
  const whole = isDeflated ? await inflate(buffer, { maxOutputLength: Math.max(1, bytes) }) : buffer;
  if (whole.length === bytes) return whole;
  throw unreadable(source, `it has ${whole.length} bytes, its archive says ${bytes}`);
}

const unreadable = (source: PictureSource, reason: string, cause?: unknown) =>
  new SelfsightError("data", `decoding ${labelOf(source)}: ${reason}.`, { cause });
