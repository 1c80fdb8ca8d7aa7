// N rows, D features
import type { IndexNotes } from "../notes.ts";

/** What is written: rows that need not be in memory together. */
export interface RowsToWrite {
  length: number;
  dimensions: number;
  /** The rows in order, some at a time, [n, D] each. */
  chunks(): Iterable<Float32Array>;
  labels?: Int32Array | undefined; // [N]
  notes: IndexNotes;
}

/** What is read. */
export interface ReadRows {
  features: Float32Array; // [N, D]
  dimensions: number;
  labels?: Int32Array | undefined; // [N]
}

/** One kind of file that embeddings are kept in. */
export interface RowFormat {
  /** What its files' names end in. */
  ending: string;
  /** The file's bytes in order. */
  write(rows: RowsToWrite): Iterable<Uint8Array>;
  /** Errors: whatever is wrong with the file, as the middle part of a sentence about it. */
  read(file: string): ReadRows | Promise<ReadRows>;
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The class of a row, where it has one. */
export const classOf = ({ labels, notes }: RowsToWrite, row: number): string | null =>
  labels ? (notes.classes?.[labels[row]!] ?? String(labels[row])) : null;

/** Rows one by one with their place. */
export function* eachRow({ chunks, dimensions }: RowsToWrite): Generator<[row: number, values: Float32Array]> {
  let row = 0;
  for (const chunk of chunks())
    for (let at = 0; at < chunk.length; at += dimensions) yield [row++, chunk.subarray(at, at + dimensions)];
}
