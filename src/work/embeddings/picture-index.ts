// N pictures, D features
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { CallError, displayName, SelfsightError } from "../../errors.ts";
import { makeFolder, readRegularFile, writeFileDurably } from "../../files.ts";
import { formatOf } from "./files/formats.ts";
import type { RowsToWrite } from "./files/rows.ts";
import { type IndexNotes, notesSchema } from "./notes.ts";
import { shardsOf } from "./shards.ts";

/** A picture of an index beside a vector. */
export interface Neighbour {
  name: string;
  /** Its row in the index. */
  row: number;
  /** Cosine similarity, -1 to 1. */
  similarity: number;
}

export interface IndexParts {
  features: Float32Array; // [N, D]
  dimensions: number;
  labels?: Int32Array | undefined; // [N]
  notes: IndexNotes;
}

/** The features of many pictures and their names: to look pictures up in, to keep in a file, to compute with. Needs no libtorch. */
export class PictureIndex {
  /** [N, D], row by row. */
  readonly features: Float32Array;
  readonly dimensions: number;
  /** The class of each picture [N], where there are classes; `notes.classes` names them. */
  readonly labels: Int32Array | undefined;
  readonly notes: IndexNotes;
  #norms: Float32Array | undefined; // [N]

  constructor({ features, dimensions, labels, notes }: IndexParts) {
    this.features = features;
    this.dimensions = dimensions;
    this.labels = labels;
    this.notes = notes;
  }

  /** How many pictures there are. */
  get length(): number {
    return this.notes.names.length;
  }

  /** Of each picture, in the order of the features. */
  get names(): readonly string[] {
    return this.notes.names;
  }

  /** The features of the picture in a row [D]. */
  vector(row: number): Float32Array {
    return this.features.subarray(row * this.dimensions, (row + 1) * this.dimensions);
  }

  /**
   * The `count` pictures whose features point most nearly the way of `vector` [D], nearest first; fewer of a smaller index.
   * Some 30 milliseconds for 60,000 pictures of 512 features. `searchIndex` looks pictures up and refuses vectors of another network.
   *
   * @throws CallError when the vector has another length or no direction, or `count` is no whole number from 1.
   */
  nearest(vector: ArrayLike<number>, count = 10): Neighbour[] {
    if (vector.length !== this.dimensions) throw otherLength(vector.length, this.dimensions);
    if (!Number.isInteger(count) || count < 1)
      throw new CallError(`nearest: count ${count}; a whole number from 1 is needed; leave it out for 10`);
    if (!Number.isFinite(lengthOf(vector)))
      throw new CallError(
        "nearest: a vector with values that are not finite; numbers are needed; embed the picture again",
      );
    this.#norms ??= Float32Array.from(this.names, (_, row) => lengthOf(this.vector(row)));
    const length = lengthOf(vector);
    const similarities = Float32Array.from(
      this.#norms,
      (norm, row) => dot(this.vector(row), vector) / Math.max(norm * length, 1e-12),
    );
    const rows = Array.from(similarities.keys()).sort((a, b) => similarities[b]! - similarities[a]!);
    return rows.slice(0, count).map((row) => ({ name: this.names[row]!, row, similarity: similarities[row]! }));
  }

  /**
   * Writes what `selfsight embed` writes: FILE in the form that its name ends in (.safetensors, .npy, .parquet, .jsonl), and
   * FILE.json with the notes. Errors: configuration for another ending, storage.
   */
  save(file: string): void {
    const { length, dimensions, features, labels, notes } = this;
    saveRows(file, { length, dimensions, labels, notes, chunks: () => [features] });
  }
}

/** Writes an index whose rows need not be in memory together: the notes first, so that no file of embeddings is without. */
export function saveRows(file: string, rows: RowsToWrite): void {
  const format = formatOf(file);
  makeFolder(dirname(file));
  writeFileDurably(notesPath(file), `${JSON.stringify(rows.notes, null, 1)}\n`);
  writeFileDurably(file, format.write(rows));
}

const notesPath = (file: string): string => `${file}.json`;

/**
 * Reads what `save` and `selfsight embed` wrote; where it was written in shards, FILE names them all.
 *
 * @throws SelfsightError "checkpoint" when a file is damaged, a shard is missing or two files do not belong together.
 */
export async function loadIndex(file: string): Promise<PictureIndex> {
  if (existsSync(file)) return loadOne(file);
  const { found, missing } = shardsOf(file);
  if (found.length === 0) return loadOne(file); // which says that it is not there
  if (missing.length > 0)
    throw unfit(
      file,
      `${missing.length} of ${found.length + missing.length} shards are missing, such as ${displayName(missing[0]!)}`,
    );
  const parts: PictureIndex[] = [];
  for (const shard of found) parts.push(await loadOne(shard));
  return joinedIndex(file, parts);
}

async function loadOne(file: string): Promise<PictureIndex> {
  const { read } = formatOf(file);
  const notes = readNotes(file);
  const { features, dimensions, labels } = await readOr(file, () => read(file));
  const length = dimensions === 0 ? 0 : features.length / dimensions;
  if (length !== notes.names.length) throw unfit(file, `${length} embeddings and ${notes.names.length} names`);
  return new PictureIndex({ features, dimensions, labels, notes });
}

async function readOr<T>(file: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw unfit(file, displayName((cause as Error).message), cause);
  }
}

/** Shards of one job, one under the other. */
function joinedIndex(file: string, parts: readonly PictureIndex[]): PictureIndex {
  const [first] = parts as [PictureIndex, ...PictureIndex[]];
  const stray = parts.find(
    ({ notes }) => notes.trunk !== first.notes.trunk || notes.fingerprint !== first.notes.fingerprint,
  );
  if (stray)
    throw unfit(
      file,
      `shard ${stray.notes.shard} is of another network or of other pictures than shard ${first.notes.shard}`,
    );
  const features = new Float32Array(parts.reduce((sum, part) => sum + part.features.length, 0)); // [N, D]
  const labels = first.labels && new Int32Array(parts.reduce((sum, { length }) => sum + length, 0)); // [N]
  let row = 0;
  for (const part of parts) {
    features.set(part.features, row * first.dimensions);
    if (labels && part.labels) labels.set(part.labels, row);
    row += part.length;
  }
  const names = parts.flatMap((part) => part.notes.names);
  const badFiles = parts.flatMap((part) => part.notes.badFiles);
  return new PictureIndex({
    features,
    dimensions: first.dimensions,
    labels,
    notes: { ...first.notes, shard: null, names, badFiles },
  });
}

function readNotes(file: string): IndexNotes {
  try {
    return notesSchema.parse(JSON.parse(readRegularFile(notesPath(file)).toString("utf8")));
  } catch (cause) {
    const reason = whyUnread(cause);
    throw unfit(file, `${displayName(notesPath(file))}: ${reason}`, cause);
  }
}

function whyUnread(cause: unknown): string {
  if (cause instanceof z.ZodError) return `${cause.issues[0]!.path.join(".")} is missing or wrong`;
  return (cause as NodeJS.ErrnoException).code === "ENOENT" ? "it is not there" : displayName((cause as Error).message);
}

const unfit = (file: string, found: string, cause?: unknown) =>
  new SelfsightError(
    "checkpoint",
    `load index ${displayName(file)}: ${found}; the two files that \`selfsight embed\` writes are needed; keep them side by side, or write them again`,
    { cause },
  );

const otherLength = (found: number, needed: number) =>
  new CallError(
    `nearest: a vector of ${found} values, an index of ${needed}; both must come from one network; embed the picture with the network of the index`,
  );

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const lengthOf = (vector: ArrayLike<number>): number => Math.sqrt(dot(vector, vector));
