// N images, C channels, H height, W width
import { createHash } from "node:crypto";
import { SelfsightError } from "../errors.ts";
import { keyedPermutation } from "../random.ts";
import { chosenFiles, type PictureFiles } from "./picture-files.ts";

/** Small pictures of one size, held in memory as one block. */
export interface ImageArray {
  kind: "array";
  name: string;
  length: number;
  pixels: Uint8Array; // [N, C, H, W]
  channels: 1 | 3;
  height: number;
  width: number;
  labels?: Int32Array; // [N]
  classes?: readonly string[];
  fingerprint: string;
  source?: DataSource;
  chosen?: Choice;
}

/** Pictures that lie as files on disk and are decoded when asked for. */
export interface ImageFolder {
  kind: "folder";
  name: string;
  length: number;
  root: string;
  files: PictureFiles;
  labels?: Int32Array; // [N]
  classes?: readonly string[];
  fingerprint: string;
  source?: DataSource;
  chosen?: Choice;
  /** What was found under the root and is no picture, with the reason. */
  skipped: readonly SkippedFile[];
  rules: ReadingRules;
  /** The parts of the folder that it is one of, or all of. */
  division?: Division;
}

/** How a folder is divided: `train` to learn from, `val` to choose by, `test` to report on; `val` where there is no `test`. */
export interface Division {
  train: FolderPart;
  val?: FolderPart;
  test?: FolderPart;
  /** Sub-folders that are no part; nobody reads them. */
  others: readonly string[];
}

/** A part of a divided folder. */
export interface FolderPart {
  /** The sub-folder, as it is written. */
  name: string;
  /** Whether it has sub-folders, one for each class. */
  isLabelled: boolean;
}

/** How the files of a folder are read, by whatever reads them: training, measuring and embedding leave out the same. */
export interface ReadingRules {
  /** Share of bad files that are left out before reading stops; ten always are, unless it is 0. */
  maxBadShare: number;
  /** Samples of more than 8 bits that are black and white, with those between in proportion; null: as the file declares them. */
  range: [low: number, high: number] | null;
  /** The bands that are shown, counted from 1: one as grey, or three as red, green and blue. Null: the file's colours. */
  bands: number[] | null;
}

/** How samples become colours, where a file does not say it. */
export type SampleRules = Pick<ReadingRules, "range" | "bands">;

export const defaultRules: ReadingRules = { maxBadShare: 0.1, range: null, bands: null };

export type Dataset = ImageArray | ImageFolder;

/** What `openDataset` was asked for, so that the same pictures can be opened again. */
export interface DataSource {
  data: string;
  split: Split;
  limit?: number;
  rules?: Partial<ReadingRules>;
}

/** Of a choice of samples: where the whole is found, and their places in it. */
export interface Choice {
  from: DataSource;
  places: Uint32Array;
}

/** The part to learn from and the part to measure on. */
export type StoredSplit = "train" | "test";

/** A part by its name: `val` for choosing, where a folder has one beside `test`; `all` is every part together. */
export type Split = StoredSplit | "val" | "all";

export interface SkippedFile {
  label: string;
  reason: string;
}

/** One decoded picture, its colours side by side as decoders give them and resizing wants them. */
export interface RawImage {
  pixels: Uint8Array; // [H, W, 3]
  height: number;
  width: number;
  /** Why it was read in spite of something, such as `faulty tags of a TIFF`. */
  remark?: string;
}

/** Pictures of one size as one block. */
export interface PixelBlock {
  pixels: Uint8Array; // [N, C, H, W]
  channels: 1 | 3;
  height: number;
  width: number;
}

/** Which samples stand in a batch. */
export interface NamedBatch {
  epoch: number;
  /** Counted from the start of the run, from 0. */
  step: number;
  /** The place of each sample in the dataset. */
  indices: Uint32Array;
  labels?: Int32Array;
  /** Of a batch that several processes read together, each its own rows: how many there are in all. */
  total?: number;
}

/** One batch, ready to be made into views: a block where the dataset is an array, else pictures of their own sizes. */
export interface Batch extends NamedBatch {
  images: RawImage[] | PixelBlock;
}

/** The samples at `indices`, in that order; its fingerprint follows from the whole's and from the indices. */
export function subset(dataset: Dataset, indices: Uint32Array | readonly number[]): Dataset {
  const chosen = Uint32Array.from(indices);
  for (const index of chosen) if (index >= dataset.length) throw outOfRange(dataset, index);
  const { source, chosen: before, ...whole } = dataset; // a choice of one's own cannot be opened by its name
  const from = before?.from ?? source;
  const part = {
    length: chosen.length,
    fingerprint: digest(dataset.fingerprint, chosen),
    ...(dataset.labels && { labels: gatherLabels(dataset.labels, chosen) }),
    ...(from && { chosen: { from, places: before ? chosen.map((index) => before.places[index]!) : chosen } }),
  };
  if (whole.kind === "array") return { ...whole, ...part, pixels: gatherPixels(whole, chosen) };
  return { ...whole, ...part, files: chosenFiles(whole.files, chosen) };
}

/** At most `limit` samples: a fixed random choice in dataset order, so that every class of a sorted folder takes part. */
export function limitTo(dataset: Dataset, limit: number | undefined): Dataset {
  if (limit === undefined || limit >= dataset.length) return dataset;
  return subset(dataset, keyedPermutation(dataset.length, 0).subarray(0, limit).sort());
}

/** The same files, read by these rules; arrays need none. */
export const withRules = (dataset: Dataset, rules: ReadingRules): Dataset =>
  dataset.kind === "array" ? dataset : { ...dataset, rules };

/** What a sample is called: its file, or its place in an array. */
export const sampleName = (dataset: Dataset, index: number): string =>
  dataset.kind === "folder" ? dataset.files.at(index)!.label : `${dataset.name}[${index}]`;

/** What samples are called, in the order of the dataset. */
export const sampleNames = (dataset: Dataset, indices: Iterable<number>): string[] =>
  [...indices].sort((a, b) => a - b).map((index) => sampleName(dataset, index));

/** Pixels of the chosen samples, copied side by side. */
export function gatherPixels(array: ImageArray, indices: Uint32Array): Uint8Array {
  const size = array.channels * array.height * array.width;
  const gathered = new Uint8Array(indices.length * size); // [N, C, H, W]
  indices.forEach((index, place) => {
    gathered.set(array.pixels.subarray(index * size, (index + 1) * size), place * size);
  });
  return gathered;
}

export const gatherLabels = (labels: Int32Array, indices: Uint32Array): Int32Array =>
  Int32Array.from(indices, (index) => labels[index]!);

/** What an array is made of, before it has a length and a fingerprint. */
export type ArrayParts = Omit<ImageArray, "kind" | "length" | "fingerprint">;

/** An array with its length and the fingerprint of its shape, pixels and labels. */
export function imageArray(parts: ArrayParts): ImageArray {
  const { channels, height, width, pixels, labels } = parts;
  const length = pixels.length / (channels * height * width);
  const shape = [length, channels, height, width].join("x");
  return { kind: "array", ...parts, length, fingerprint: digest(shape, pixels, ...(labels ? [labels] : [])) };
}

/** Sha256 over the count, then relative name and size of each file in byte-wise order, however the files are listed. */
export function folderFingerprint(files: readonly { relative: Uint8Array; bytes: number }[]): string {
  const ordered = [...files].sort((a, b) => Buffer.compare(a.relative, b.relative));
  return orderedFingerprint(ordered.length, ordered);
}

/** The same of files that are in order. */
export function orderedFingerprint(count: number, files: Iterable<{ relative: Uint8Array; bytes: number }>): string {
  const hash = createHash("sha256").update(`${count}\0`);
  for (const file of files) hash.update(file.relative).update(`\0${file.bytes}\0`); // a name cannot hold a zero byte
  return hash.digest("hex");
}

export function digest(...parts: (string | Uint8Array | Int32Array | Uint32Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function outOfRange(dataset: Dataset, index: number): SelfsightError {
  return new SelfsightError(
    "data",
    `subset of ${dataset.name}: sample ${index} was asked for; there are ${dataset.length}, counted from 0.`,
  );
}
