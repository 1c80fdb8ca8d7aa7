// Runs' folders come from others: what is read of them lies in them, is a regular file, and is no larger than what it is read for.
import { closeSync, constants, fstatSync, readlinkSync, readSync, realpathSync, type Stats } from "node:fs";
import { join, sep } from "node:path";
import { openRegular } from "../../files.ts";

/** A file of a run, open for reading. */
export interface OpenFile {
  readonly file: number;
  readonly stats: Stats;
}

/** The open file `name` below `folder`, or undefined: not there, no regular file, a link, or led outside by one on its way. */
export function openInside(folder: string, name: string): OpenFile | undefined {
  let file: number | undefined;
  try {
    file = openRegular(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW);
    if (isInside(folder, pathOf(file, join(folder, name)))) return { file, stats: fstatSync(file) };
  } catch {}
  if (file !== undefined) closeSync(file);
  return undefined;
}

/** Where an open file really lies. Linux says so of the open file itself, so that nobody can change links in between. */
function pathOf(file: number, path: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${file}`);
  } catch {
    return realpathSync(path);
  }
}

const isInside = (folder: string, path: string): boolean => path.startsWith(`${realpathSync(folder)}${sep}`);

/** Does `use` with the open file; undefined where it cannot be opened. */
export function withFile<T>(folder: string, name: string, use: (open: OpenFile) => T): T | undefined {
  const open = openInside(folder, name);
  if (!open) return undefined;
  try {
    return use(open);
  } finally {
    closeSync(open.file);
  }
}

/** The bytes of a file of at most `most` bytes, or undefined. */
export const readInside = (folder: string, name: string, most: number): Buffer | undefined =>
  withFile(folder, name, ({ file, stats }) => (stats.size <= most ? bytesAt(file, 0, stats.size) : undefined));

/** The object that a JSON file of at most `most` bytes holds, or undefined. */
export function readObject(folder: string, name: string, most = 1 << 20): Record<string, unknown> | undefined {
  const bytes = readInside(folder, name, most);
  return bytes && objectFrom(bytes.toString("utf8"));
}

/** An object out of JSON, or undefined for anything else. */
export function objectFrom(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** `length` bytes from `offset` on, fewer where the file ends. */
export function bytesAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, bytes, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
