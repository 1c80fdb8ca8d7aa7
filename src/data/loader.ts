// N samples of the dataset, B samples of a batch, C channels, H height, W width
import { availableParallelism } from "node:os";
import { SelfsightError } from "../errors.ts";
import {
  type Batch,
  type Dataset,
  gatherLabels,
  gatherPixels,
  type ImageArray,
  type ImageFolder,
  type NamedBatch,
} from "./dataset.ts";
import type { DecodeOptions, DecodePool } from "./decode/decode.ts";
import { type BadFiles, condemn, goodSamples } from "./decode/folder-reader.ts";
import { openDecodePool } from "./decode/pool.ts";
import { readFolderTogether } from "./decode/shared-folder-reader.ts";
import { EpochOrder, type EpochPlan } from "./epoch-order.ts";
import { ownTurns, type Share } from "./share.ts";

export interface ReadOptions {
  batchSize: number;
  /** Batches decoded ahead (folders). Default 2. */
  prefetch?: number;
  /** Pixels that the shorter side keeps at least (folders), see `DecodeOptions.shortSide`; default as stored. */
  decodeSize?: number;
  /** See `DecodeOptions.maxPixels`. */
  maxPixels?: number;
  /** Decoding threads (folders). Default 1, one more for every eight cores, at most 4. */
  threads?: number;
  /** Files known to be bad, by their place in the dataset; found ones are added to it. A run saves it and gives it back on resume. */
  quarantine?: Set<number>;
  /** Told of every bad file once, when its turn comes. */
  onBadFile?: (index: number, error: SelfsightError) => void;
  /** Told of a picture that is read in spite of something, each time that it is read. */
  onRemark?: (index: number, remark: string) => void;
  /** Any number of bad files is borne: whoever reads a part counts them among those of all. Default false. */
  bearsAll?: boolean;
}

export interface BatchOptions extends ReadOptions {
  /** Default 0. */
  seed?: number;
  /** The first step wanted, counted from the start of the run. Default 0. */
  startStep?: number;
  /** How many batches to yield. Default without end. */
  steps?: number;
  /** Default true. */
  shuffle?: boolean;
  /** Among several processes that read one batch together. Default alone. */
  share?: Share;
}

/** A few bad files are no sign of a bad folder, however small it is. */
const badFilesAlwaysBorne = 10;

/** Batches in one epoch: whole ones only. */
export const stepsPerEpoch = (dataset: Dataset, batchSize: number): number => Math.floor(dataset.length / batchSize);

/**
 * The batches of a training run, epoch after epoch, the remainder of each epoch dropped.
 *
 * The order of an epoch is a function of (seed, epoch); reading can start at any step and gives what an unbroken run would
 * have given there. A file that cannot be decoded is reported, quarantined and left out; the samples behind it move up, and
 * an epoch short of good samples goes on from the start of its order, so that the number of steps never changes.
 *
 * @throws SelfsightError "data" for fewer samples than a batch or too many bad files; "configuration" for a batch below 2.
 */
export async function* batches(dataset: Dataset, options: BatchOptions): AsyncGenerator<Batch> {
  const { batchSize, startStep = 0 } = options;
  const { plan, perEpoch } = planFor(dataset, options);
  if (options.share && dataset.kind === "folder") {
    const { share, prefetch, onRemark } = options;
    const badFiles = badFilesOf(dataset, plan.quarantine, options.onBadFile);
    const pool = decoderOf(dataset, options);
    const reading = { share, batchSize, startStep, perEpoch, badFiles, onRemark, ...(prefetch && { prefetch }) };
    yield* readFolderTogether(dataset, plan, pool, reading);
    return;
  }
  yield* read(dataset, EpochOrder.from(plan, startStep, perEpoch), plan.quarantine, {
    ...options,
    startStep,
    replaces: true,
  });
}

/** The batches of an array without their pixels: for whoever has these at hand. Otherwise as `batches`. */
export async function* namedBatches(dataset: ImageArray, options: BatchOptions): AsyncGenerator<NamedBatch> {
  const { startStep = 0 } = options;
  const { plan, perEpoch } = planFor(dataset, options);
  yield* nameArray(dataset, EpochOrder.from(plan, startStep, perEpoch), { ...options, startStep });
}

/** What is read in which order. Errors: those of `batches`. */
function planFor(dataset: Dataset, options: BatchOptions) {
  const { batchSize, seed = 0, steps = Number.POSITIVE_INFINITY, shuffle = true } = options;
  checkBatchSize(dataset, batchSize);
  const perEpoch = stepsPerEpoch(dataset, batchSize);
  const quarantine = options.quarantine ?? new Set<number>();
  const good = dataset.length - quarantine.size;
  if (good < batchSize) throw tooFew(dataset, good, "good images", batchSize);
  const [samplesPerEpoch, samples] = [perEpoch * batchSize, steps * batchSize];
  const plan = { length: dataset.length, samplesPerEpoch, samples, seed, shuffles: shuffle, quarantine };
  return { plan, perEpoch };
}

const badFilesOf = (folder: ImageFolder, quarantine: Set<number>, onBadFile: BadFiles["onBadFile"]): BadFiles => ({
  quarantine,
  most: mostBad(folder),
  onBadFile,
});

/** Counts a folder's bad files, each with how many were bad before it without a good one between. Errors: data, when they are too many. */
export function countBadFiles(folder: ImageFolder, onBadFile: ReadOptions["onBadFile"]) {
  const badFiles = badFilesOf(folder, new Set(), onBadFile);
  return (index: number, message: string, inARow: number): void =>
    condemn(index, new SelfsightError("data", message), inARow, { folder, badFiles });
}

/** Bad files that several readers of parts have found, told in the order of the whole folder: reports each. Errors: data, when they are too many. */
export function badFilesOfAll(folder: ImageFolder, onBadFile: ReadOptions["onBadFile"]) {
  const count = countBadFiles(folder, onBadFile);
  let [last, inARow] = [-2, 0];
  return (index: number, message: string): void => {
    inARow = index === last + 1 ? inARow + 1 : 1;
    last = index;
    count(index, message, inARow);
  };
}

/** Threads that decode a folder's files. To be closed. */
export const decoderOf = (
  folder: ImageFolder,
  options: Pick<ReadOptions, "threads" | "decodeSize" | "maxPixels">,
): DecodePool => openDecodePool(options.threads ?? defaultThreads(), decodeOptions(folder, options));

/**
 * Every sample once, in the order of the dataset, the last batch as small as it comes; bad files are reported and left out.
 *
 * @throws SelfsightError "data" for too many bad files.
 */
export async function* onePass(dataset: Dataset, options: ReadOptions): AsyncGenerator<Batch> {
  const quarantine = options.quarantine ?? new Set<number>();
  const samples = dataset.length - quarantine.size;
  const plan: EpochPlan = {
    length: dataset.length,
    samplesPerEpoch: samples,
    samples,
    seed: 0,
    shuffles: false,
    quarantine,
  };
  yield* read(dataset, new EpochOrder(plan, 0), quarantine, { ...options, startStep: 0, replaces: false });
}

/** Decodes every file of a folder and returns the bad ones with their reasons: a `quarantine` known before a run. */
export async function verifyFolder(
  folder: ImageFolder,
  options: Pick<ReadOptions, "threads" | "maxPixels"> = {},
): Promise<Map<number, string>> {
  const threads = options.threads ?? defaultThreads();
  const pool = decoderOf(folder, { ...options, threads, decodeSize: 32 });
  const bad = new Map<number, string>();
  const indices = Array(folder.length).keys();
  const verifyNext = async () => {
    for (const index of indices) {
      const decoded = await pool.decode(folder.files.at(index)!);
      if ("error" in decoded) bad.set(index, decoded.error.message);
    }
  };
  await Promise.all(Array.from({ length: 16 * threads }, verifyNext)).finally(() => pool.close());
  return new Map([...bad].sort(([a], [b]) => a - b));
}

interface Reading extends ReadOptions {
  share?: Share;
  startStep: number;
  replaces: boolean;
}

function read(dataset: Dataset, order: EpochOrder, quarantine: Set<number>, reading: Reading): AsyncGenerator<Batch> {
  return dataset.kind === "array"
    ? readArray(dataset, order, reading)
    : readFolder(dataset, order, quarantine, reading);
}

/** Copies each batch out of the array where it is wanted: 3 kB a sample, too little to be worth another thread. */
async function* readArray(dataset: ImageArray, order: EpochOrder, reading: Reading): AsyncGenerator<Batch> {
  const { channels, height, width } = dataset;
  for await (const named of nameArray(dataset, order, reading)) {
    const images = { pixels: gatherPixels(dataset, named.indices), channels, height, width }; // [B, C, H, W]
    yield { ...named, images };
  }
}

type Naming = Pick<Reading, "batchSize" | "startStep" | "share">;

async function* nameArray(dataset: ImageArray, order: EpochOrder, reading: Naming): AsyncGenerator<NamedBatch> {
  for (let step = reading.startStep; ; step++) {
    const turns = Array.from({ length: reading.batchSize }, () => order.next()).filter((turn) => turn !== undefined);
    if (turns[0] === undefined) return;
    const indices = Uint32Array.from(ownTurns(turns, reading.share), ({ index }) => index); // [B]
    yield { epoch: turns[0].epoch, step, indices, ...labelsOf(dataset, indices) };
  }
}

async function* readFolder(
  folder: ImageFolder,
  order: EpochOrder,
  quarantine: Set<number>,
  reading: Reading,
): AsyncGenerator<Batch> {
  const { batchSize, prefetch = 2, onBadFile, onRemark, replaces } = reading;
  const pool = decoderOf(folder, reading);
  const ahead = (prefetch + 1) * batchSize;
  const counted = badFilesOf(folder, quarantine, onBadFile);
  const badFiles = reading.bearsAll ? { ...counted, most: Number.POSITIVE_INFINITY } : counted;
  const samples = goodSamples({
    folder,
    order,
    pool,
    ahead,
    badFiles,
    onRemark,
    ...(replaces && { replacedFor: batchSize }),
  });
  try {
    for (let step = reading.startStep; ; step++) {
      const taken = await takeUpTo(batchSize, samples);
      if (taken[0] === undefined) return;
      const indices = Uint32Array.from(taken, ({ index }) => index); // [B]
      const images = taken.map(({ image }) => image);
      yield { epoch: taken[0].epoch, step, indices, images, ...labelsOf(folder, indices) };
    }
  } finally {
    pool.close();
  }
}

function mostBad({ length, rules: { maxBadShare } }: ImageFolder): number {
  return maxBadShare === 0 ? 0 : Math.max(badFilesAlwaysBorne, Math.floor(maxBadShare * length));
}

async function takeUpTo<T>(count: number, items: AsyncGenerator<T>): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = await items.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

const labelsOf = (dataset: Dataset, indices: Uint32Array) =>
  dataset.labels ? { labels: gatherLabels(dataset.labels, indices) } : {};

function decodeOptions(
  { rules: { range, bands } }: ImageFolder,
  { decodeSize, maxPixels }: Pick<ReadOptions, "decodeSize" | "maxPixels">,
): DecodeOptions {
  return {
    range,
    bands,
    ...(decodeSize !== undefined && { shortSide: decodeSize }),
    ...(maxPixels !== undefined && { maxPixels }),
  };
}

/** The threads only steer: decoding itself runs in Node's pool (UV_THREADPOOL_SIZE), which all of them share. */
const defaultThreads = () => Math.min(4, 1 + Math.floor(availableParallelism() / 8));

function checkBatchSize(dataset: Dataset, batchSize: number): void {
  if (!Number.isInteger(batchSize) || batchSize < 2)
    throw new SelfsightError(
      "configuration",
      `reading ${dataset.name}: the batch size is ${batchSize}; a whole number from 2 is needed, because losses compare ` +
        "the samples of a batch; raise it.",
    );
  if (dataset.length < batchSize) throw tooFew(dataset, dataset.length, "images", batchSize);
}

function tooFew(dataset: Dataset, found: number, what: string, batchSize: number): SelfsightError {
  const smaller = found >= 2 ? `ask for a batch of ${found} or fewer, or add images` : "add images";
  return new SelfsightError(
    "data",
    `reading ${dataset.name}: ${found} ${what}, batches of ${batchSize}; at least one whole batch is needed; ${smaller}.`,
  );
}
