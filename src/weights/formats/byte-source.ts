// Bytes of a file by position. Read, not mapped: a mapped file that shrinks kills the process.
import { closeSync, fstatSync, readSync } from "node:fs";
import { openRegular } from "../../files.ts";
import { FormatError } from "./faults.ts";

export interface ByteSource {
  readonly size: number;
  /** Errors: FormatError, where the file has no such bytes. */
  read(start: number, length: number): Buffer;
  /** The same into memory that is there. */
  fill(bytes: Buffer, start: number): void;
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
      const bytes = Buffer.allocUnsafeSlow(length);
      fill(file, bytes, start);
      return bytes;
    },
    fill(bytes, start) {
      refuseOutside(size, start, bytes.length);
      fill(file, bytes, start);
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
  const isPlace = [start, length].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!isPlace || start + length > size)
    throw new FormatError(`it ends at byte ${size}, bytes ${start} to ${start + length} are needed`);
}

function fill(file: number, bytes: Buffer, start: number): void {
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, Math.min(bytes.length - at, 1 << 30), start + at);
    if (count === 0) throw new FormatError(`it ended at byte ${start + at} while it was read`);
    at += count;
  }
}
