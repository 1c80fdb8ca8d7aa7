// The header of a tar member: 512 bytes, numbers in octal text (POSIX ustar). Sizes in base 256 are refused: no picture has 8 GiB.

export interface TarHeader {
  /** As the archive gives it: a label, never a path to write to. */
  name: Buffer;
  /** Of the data behind the header, in bytes. */
  size: number;
  /** "0": a file; "L": the next member's long name (GNU); "x", "g": notes on the next, on all (PAX). */
  kind: string;
  isFile: boolean;
}

export const blockBytes = 512;

/** Data are filled up to whole blocks. */
export const paddedBytes = (size: number): number => Math.ceil(size / blockBytes) * blockBytes;

/** `damaged` makes the error of what is wrong. */
export function readHeader(header: Buffer, damaged: (what: string) => Error): TarHeader {
  const field = (from: number, to: number) => upToZero(header.subarray(from, to));
  const text = (from: number, to: number) => field(from, to).toString("latin1").trim();
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (Number.parseInt(text(148, 156), 8) !== sum) throw damaged("a header with a wrong checksum");
  const size = text(124, 136);
  if (!/^[0-7]+$/.test(size)) throw damaged("a member size that is no octal number");
  const kind = header.toString("latin1", 156, 157);
  const isUstar = header.toString("latin1", 257, 263) === "ustar\0"; // GNU's own format keeps other things in the prefix
  const prefix = isUstar ? field(345, 500) : Buffer.alloc(0);
  const name = prefix.length === 0 ? field(0, 100) : Buffer.concat([prefix, Buffer.from("/"), field(0, 100)]);
  return { name, size: Number.parseInt(size, 8), kind, isFile: kind === "0" || kind === "\0" };
}

export function upToZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
