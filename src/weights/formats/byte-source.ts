// Bytes of a file by position. Read, not mapped: a mapped file that shrinks kills the process.
import { closeSync, fstatSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { openRegular } from "../../files.ts";
import { FormatError } from "./faults.ts";

export interface ByteSource {
  readonly size: number;
  /** Errors: FormatError, where the file has no such bytes. */
  read(start: number, length: number): Buffer;
  /** The same into memory that is there, beside what else this thread does. */
  fill(bytes: Buffer, start: number): Promise<void>;
  /** Errors: FormatError, where the file was written to since it was opened. */
  refuseChanged(): void;
  close(): void;
}

/** Errors: those of the system, for what is no regular file too. */
export function openBytes(path: string): ByteSource {
  const file = openRegular(path);
  const before = fstatSync(file, { bigint: true });
  const size = Number(before.size);
  return {
    size,
    read(start, length) {
      refuseOutside(size, start, length);
      return readPart(file, start, length);
    },
    async fill(bytes, start) {
      refuseOutside(size, start, bytes.length);
      await fillPart(file, bytes, start);
    },
    refuseChanged() {
      const now = fstatSync(file, { bigint: true });
      if (now.size !== before.size || now.mtimeNs !== before.mtimeNs)
        throw new FormatError("it changed while it was read");
    },
    close: () => closeSync(file),
  };
}

/** No memory is taken for bytes that the file does not have. */
function refuseOutside(size: number, start: number, length: number): void {
  if (!isCount(start) || !isCount(length) || start + length > size)
    throw new FormatError(`it ends at byte ${size}, bytes ${start} to ${start + length} are needed`);
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const atOnce = 1 << 30;

function readPart(file: number, start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let at = 0; at < length; ) {
    const count = readSync(file, bytes, at, Math.min(length - at, atOnce), start + at);
    if (count === 0) throw ended(start + at);
    at += count;
  }
  return bytes;
}

const readLater = promisify(read);

async function fillPart(file: number, bytes: Buffer, start: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await readLater(file, bytes, at, Math.min(bytes.length - at, atOnce), start + at);
    if (bytesRead === 0) throw ended(start + at);
    at += bytesRead;
  }
}

const ended = (at: number) => new FormatError(`it ended at byte ${at} while it was read`);
