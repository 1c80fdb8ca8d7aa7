// N pictures, B of a batch, D features
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { type Dataset, lastingSource, subset } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { type BadFile, type ExtractOptions, extractFeatures, featureBatches } from "../../evaluate/index.ts";
import { type OpenedPictures, type PictureOptions, pictureName } from "../pictures.ts";
import type { OpenedRepresentation } from "../representation.ts";
import type { IndexNotes } from "./notes.ts";
import { PictureIndex, saveRows } from "./picture-index.ts";
import { RowStore } from "./row-store.ts";
import { type Shard, shardFile, shardRange } from "./shards.ts";

/** Of `embedFolder`: which part (default "train"), how many at a time, who is told. */
export interface EmbedOptions extends ExtractOptions, PictureOptions {}

/** The features of every picture with their names; files that cannot be read are left out and listed. Errors: data, numerics. */
export async function embedPictures(
  representation: OpenedRepresentation,
  pictures: OpenedPictures,
  options: ExtractOptions = {},
): Promise<PictureIndex> {
  const { values, dimensions, labels, indices, badFiles } = await extractFeatures(
    representation,
    pictures.dataset,
    options,
  );
  const notes = notesOn(representation, pictures, { indices, badFiles, shard: undefined });
  return new PictureIndex({ features: values, dimensions, labels, notes });
}

export interface EmbedToFileOptions extends ExtractOptions {
  /** One part of the pictures, in a file of its own beside `out`. Default all. */
  shard?: Shard | undefined;
  /** Ends the work after the batch that it is in; what is done stays, and the same call goes on. */
  signal?: AbortSignal | undefined;
  /** Told where something unfinished is thrown away, or gone on with. */
  say?: (sentence: string) => void;
}

/** What was written. */
export interface Embedded {
  file: string;
  length: number;
  dimensions: number;
  notes: IndexNotes;
  /** Whether it is whole; else it was stopped, and the same call goes on. */
  isComplete: boolean;
}

/**
 * The features of every picture into a file, batch by batch: memory does not grow with the pictures but for their names. Each batch
 * is on disk, in `OUT.unfinished`, before the next begins; whatever ends the process, the same call goes on behind the last one.
 *
 * @throws SelfsightError "data" and "numerics" as `extractFeatures`; "storage"; "configuration" for an unknown ending.
 */
export async function embedToFile(
  representation: OpenedRepresentation,
  pictures: OpenedPictures,
  out: string,
  { shard, signal, say = () => {}, ...options }: EmbedToFileOptions = {},
): Promise<Embedded> {
  const [start, end] = shard ? shardRange(pictures.dataset.length, shard) : [0, pictures.dataset.length];
  const file = shard ? shardFile(out, shard) : out;
  const store = new RowStore(file, jobOf(representation, pictures, shard), say);
  try {
    if (store.progress.through > start)
      say(`goes on behind ${store.progress.through - start} of ${end - start} pictures, whose embeddings stand`);
    const isComplete = await fill(store, representation, pictures.dataset, { start, end, signal, options });
    const written = write(store, file, representation, pictures, { start, end, shard, isComplete });
    if (isComplete) store.remove();
    return written;
  } finally {
    store.close();
  }
}

/** What must be the same for rows to stand side by side; a picture that was changed meanwhile makes another job. */
function jobOf(representation: OpenedRepresentation, { dataset, split }: OpenedPictures, shard: Shard | undefined) {
  const { precision } = representation;
  const files = createHash("sha256");
  if (dataset.kind === "folder")
    for (const { path, bytes, modifiedSeconds } of dataset.files)
      files.update(path).update(`\0${bytes} ${modifiedSeconds}\n`);
  return {
    trunk: representation.trunk(),
    precision,
    fingerprint: dataset.fingerprint,
    files: files.digest("hex"),
    split,
    shard: shardText(shard),
  };
}

const shardText = (shard: Shard | undefined): string | null => (shard ? `${shard.number}/${shard.of}` : null);

interface Part {
  start: number;
  end: number;
}

/** Adds what is missing; false when it was asked to stop before. */
async function fill(
  store: RowStore,
  representation: OpenedRepresentation,
  dataset: Dataset,
  { start, end, signal, options }: Part & { signal: AbortSignal | undefined; options: ExtractOptions },
): Promise<boolean> {
  const from = Math.max(start, store.progress.through);
  if (from >= end) return true;
  const rest = subset(
    dataset,
    Uint32Array.from({ length: end - from }, (_, i) => from + i),
  );
  let bad: BadFile[] = [];
  const batches = featureBatches(representation, rest, {
    ...options,
    onBadFile: (file) => {
      bad.push({ ...file, index: file.index + from });
      options.onBadFile?.(bad.at(-1)!);
    },
    onProgress: (done) => options.onProgress?.(from - start + done, end - start),
  });
  for await (const { indices, values } of batches) {
    store.append(values, from + indices.at(-1)! + 1, values.length / indices.length, bad);
    bad = [];
    if (signal?.aborted) return store.progress.through >= end;
  }
  if (store.progress.through < end) store.append(new Float32Array(), end, 0, bad);
  return true;
}

function write(
  store: RowStore,
  file: string,
  representation: OpenedRepresentation,
  pictures: OpenedPictures,
  { start, end, shard, isComplete }: Part & { shard: Shard | undefined; isComplete: boolean },
): Embedded {
  const { rows, dimensions, badFiles } = store.progress;
  const isBad = new Set(badFiles.map(({ index }) => index));
  const indices = Uint32Array.from({ length: end - start }, (_, i) => start + i).filter((index) => !isBad.has(index));
  const notes = notesOn(representation, pictures, { indices, badFiles, shard });
  const embedded = { file, length: rows, dimensions, notes, isComplete };
  if (!isComplete) return embedded;
  if (rows === 0 && end > start) throw nothingLeft(pictures.dataset, badFiles);
  const { labels: all } = pictures.dataset;
  const labels = all && Int32Array.from(indices, (index) => all[index]!);
  saveRows(file, { length: rows, dimensions, labels, notes, chunks: () => store.chunks() });
  return embedded;
}

const nothingLeft = (dataset: Dataset, badFiles: readonly { reason: string }[]) =>
  new SelfsightError(
    "data",
    `embed: none of the ${badFiles.length} images of ${dataset.name} could be read, such as: ${badFiles[0]!.reason}; at least one is needed; check the files`,
  );

interface NotedRows {
  indices: Uint32Array;
  badFiles: readonly { name: string; reason: string }[];
  shard: Shard | undefined;
}

function notesOn(
  representation: OpenedRepresentation,
  { dataset, split }: OpenedPictures,
  { indices, badFiles, shard }: NotedRows,
): IndexNotes {
  return {
    representation: representation.name,
    source: representation.source,
    trunk: representation.trunk(),
    size: representation.size,
    precision: representation.precision,
    data: dataset.name,
    from: placeOf(dataset),
    split,
    shard: shardText(shard),
    fingerprint: dataset.fingerprint,
    names: Array.from(indices, (index) => pictureName(dataset, index)),
    classes: dataset.classes ?? null,
    badFiles: badFiles.map(({ name, reason }) => ({ name, reason })),
  };
}

/** Where the pictures are found again: files by their paths, all others by what was opened. */
function placeOf(dataset: Dataset): IndexNotes["from"] {
  if (dataset.kind === "folder" && dataset.files.at(0)?.part === undefined)
    // one is of an archive: all are
    return { folder: resolve(dataset.root) };
  if (!dataset.source) return null;
  const { data, split, limit } = dataset.source;
  return { data: lastingSource(data), split, ...(limit !== undefined && { limit }) };
}
