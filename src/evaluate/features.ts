// N images, D features
import { evaluationImages, type Feed, feedTo, type PlacedBatch } from "../augment/index.ts";
import { type Dataset, onePass, Remarks, sampleName } from "../data/index.ts";
import { SelfsightError } from "../errors.ts";
import { borrow, noGrad, scope, type Tensor } from "../torch/index.ts";
import type { Representation } from "./representation.ts";
import { companionsOf, refuseOtherPictures, type Sharing, sharedBatches } from "./shared-batches.ts";

/** The features of a dataset, in memory; bad files are left out. */
export interface Features {
  values: Float32Array; // [N, D]
  length: number;
  dimensions: number;
  /** The place of each row in the dataset. */
  indices: Uint32Array; // [N]
  labels?: Int32Array; // [N]
  classes?: readonly string[];
  /** What the data are called in messages. */
  dataset: string;
  badFiles: readonly BadFile[];
  /** What pictures were read in spite of, a sentence for each kind. */
  remarks: readonly string[];
}

export interface BadFile {
  index: number;
  /** What messages call it. */
  name: string;
  reason: string;
}

export interface ExtractOptions {
  /** Images at a time. Default 256. */
  batchSize?: number;
  /** Told of every bad file when it is met. */
  onBadFile?: (file: BadFile) => void;
  /** Told when all is read, once for each kind of thing that pictures were read in spite of. */
  onRemark?: (sentence: string) => void;
  /** Told after each batch how many images are done. */
  onProgress?: (done: number, total: number) => void;
  /** The processes that compute them together. All rows are in process 0, in the others where it says so. Default this one alone. */
  sharing?: Sharing | undefined;
}

/** The features of one batch. */
export interface FeatureBatch {
  /** The place of each row in the dataset. */
  indices: Uint32Array; // [B]
  values: Float32Array; // [B, D]
}

/**
 * The features of every picture of a dataset batch by batch, in its order, without augmentation: resized, the middle cut out, float32.
 *
 * @throws SelfsightError "data" when too many files are bad; "numerics" when a feature is not finite.
 */
export function featureBatches(
  representation: Representation,
  dataset: Dataset,
  options: ExtractOptions = {},
): AsyncGenerator<FeatureBatch> {
  const featuresOf = (batch: PlacedBatch) =>
    batchFeatures(representation, batch, (index) => sampleName(dataset, index));
  return readBatches(representation, dataset, featuresOf, options);
}

/** The same with whatever `computing` makes of a batch, a row for each picture; others cannot be called to that, they are at it or not. */
export const computedBatches = (
  representation: Representation,
  dataset: Dataset,
  computing: Computing,
  { sharing, ...options }: ExtractOptions,
): AsyncGenerator<FeatureBatch> =>
  readBatches(representation, dataset, computing, { ...options, ...(companionsOf(sharing) && { sharing }) });

async function* readBatches(
  representation: Representation,
  dataset: Dataset,
  featuresOf: Computing,
  { batchSize = 256, onBadFile, onRemark, onProgress, sharing }: ExtractOptions = {},
): AsyncGenerator<FeatureBatch> {
  const remarks = new Remarks();
  let done = 0;
  const reading = {
    batchSize,
    decodeSize: representation.decodeSize,
    onBadFile: (index: number, error: SelfsightError) =>
      onBadFile?.({ index, name: sampleName(dataset, index), reason: error.message }),
    onRemark: (index: number, remark: string) => remarks.add(index, remark),
  };
  const pass = { representation, dataset, batchSize };
  const isShared = sharing !== undefined && ((await sharing.call?.(pass)) ?? true);
  if (isShared) await refuseOtherPictures(sharing, dataset);
  const rows = isShared
    ? sharedBatches(dataset, { ...reading, ...sharing, featuresOf })
    : ownBatches(feedTo(onePass(dataset, reading), representation.device), featuresOf);
  try {
    for await (const batch of rows) {
      yield batch;
      done += batch.indices.length;
      onProgress?.(done, dataset.length);
    }
  } finally {
    if (isShared) sharing.onEnd?.();
  }
  for (const sentence of remarks.sentences(dataset)) onRemark?.(sentence);
}

/** Rows of one width, one for each picture. */
type Computing = (batch: PlacedBatch) => Float32Array | Promise<Float32Array>;

async function* ownBatches(feed: Feed, featuresOf: Computing): AsyncGenerator<FeatureBatch> {
  for await (const batch of feed.batches) {
    await feed.lookAhead(); // on its way while this one is computed
    yield { indices: batch.indices, values: await featuresOf(batch) };
  }
}

/**
 * The same in one table; among several processes it is in process 0, and empty in the others.
 *
 * @throws SelfsightError "data" when too many files are bad or none is left; "numerics" when a feature is not finite.
 */
export async function extractFeatures(
  representation: Representation,
  dataset: Dataset,
  options: ExtractOptions = {},
): Promise<Features> {
  const rows = new Rows(dataset);
  const badFiles: BadFile[] = [];
  const remarks: string[] = [];
  const batches = featureBatches(representation, dataset, {
    ...options,
    onBadFile: (file) => {
      badFiles.push(file);
      options.onBadFile?.(file);
    },
    onRemark: (sentence) => {
      remarks.push(sentence);
      options.onRemark?.(sentence);
    },
  });
  for await (const batch of batches) rows.append(batch);
  const { sharing } = options;
  const isElsewhere = sharing?.team.isLeader === false && !sharing.isForAll;
  return { ...rows.features(isElsewhere), badFiles, remarks };
}

/** What is measured of a batch. */
type Pictures = Pick<PlacedBatch, "images" | "indices">;

/**
 * One batch's features, [B, D] in row-major order; `placeOf` names a picture by its index. Errors: numerics, when one is not
 * finite.
 */
export function batchFeatures(
  representation: Representation,
  batch: Pictures,
  placeOf: (index: number) => string,
): Float32Array {
  return scope(() => {
    const images = evaluationImages(batch, representation); // [B, 3, S, S]
    const features = noGrad(() => representation.forward(images).to("float32")); // [B, D]
    if (features.isFinite().all().item() === 0) throw notFinite(representation, placeOf(batch.indices[0]!));
    return features.float32();
  });
}

/** Rows gathered from batches; the table is made when the first batch tells its width. */
class Rows {
  readonly #dataset: Dataset;
  readonly #indices: Uint32Array; // [N]
  #values = new Float32Array(); // [N, D]
  #dimensions = 0;
  length = 0;

  constructor(dataset: Dataset) {
    this.#dataset = dataset;
    this.#indices = new Uint32Array(dataset.length);
  }

  append({ indices, values }: FeatureBatch): void {
    if (this.length === 0) {
      this.#dimensions = values.length / indices.length;
      this.#values = tableOf(this.#dataset.length, this.#dimensions);
    }
    this.#indices.set(indices, this.length);
    this.#values.set(values, this.length * this.#dimensions);
    this.length += indices.length;
  }

  features(mayBeNone: boolean): Omit<Features, "badFiles" | "remarks"> {
    const { labels, classes, name } = this.#dataset;
    if (this.length === 0 && !mayBeNone) throw nothingLeft(this.#dataset);
    const indices = this.#indices.slice(0, this.length);
    return {
      values: this.#values.subarray(0, this.length * this.#dimensions),
      length: this.length,
      dimensions: this.#dimensions,
      indices,
      ...(labels && { labels: Int32Array.from(indices, (index) => labels[index]!) }),
      ...(classes && { classes }),
      dataset: name,
    };
  }
}

function tableOf(rows: number, dimensions: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(rows * dimensions);
  } catch (cause) {
    const gibibytes = ((rows * dimensions * 4) / 2 ** 30).toFixed(1);
    throw new SelfsightError(
      "memory",
      `features: ${rows} images with ${dimensions} features are ${gibibytes} GiB; they must fit in memory; use fewer images`,
      { cause },
    );
  }
}

/** The rows at `places`, in that order. */
export function featuresAt(features: Features, places: Uint32Array): Features {
  const { labels, indices } = features;
  return {
    ...features,
    ...rowsAt(features, places),
    indices: Uint32Array.from(places, (place) => indices[place]!),
    ...(labels && { labels: Int32Array.from(places, (place) => labels[place]!) }),
  };
}

/** Rows of one width. */
export type FeatureTable = Pick<Features, "values" | "length" | "dimensions">;

/** The rows at `places` alone, in that order: [places, D]. */
export function rowsAt({ values, dimensions }: FeatureTable, places: Uint32Array): FeatureTable {
  const chosen = new Float32Array(places.length * dimensions);
  places.forEach((place, row) => {
    chosen.set(values.subarray(place * dimensions, (place + 1) * dimensions), row * dimensions);
  });
  return { values: chosen, length: places.length, dimensions };
}

/** The features as a tensor [N, D]; on the CPU it shares their memory. */
export function featureTensor({ values, length, dimensions }: FeatureTable, device = "cpu"): Tensor {
  const table = borrow(values, [length, dimensions]);
  return device === "cpu" ? table : table.toDevice(device);
}

function notFinite({ name }: Representation, place: string): SelfsightError {
  return new SelfsightError(
    "numerics",
    `features: ${name} gives values that are not finite in the batch from ${place}; finite features are needed; its weights are damaged or its training diverged, so use an earlier checkpoint`,
  );
}

const nothingLeft = (dataset: Dataset) =>
  new SelfsightError(
    "data",
    `features: none of the ${dataset.length} images of ${dataset.name} could be read; at least one is needed; check the files`,
  );
