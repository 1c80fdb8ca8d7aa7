// N pictures of the dataset, B of a batch, E epochs
import { type Batch, type Dataset, type ImageFolder, onePass, type RawImage, subset } from "../../data/index.ts";
import { keyedPermutation } from "../../random.ts";

export interface EpochReading {
  epochs: number;
  batchSize: number;
  seed: number;
  /** Pixels that the shorter side of a decoded file keeps at least. */
  decodeSize: number;
  /** Told of each bad file once. */
  onBadFile?: ((index: number, error: Error) => void) | undefined;
}

/** Keeps this order apart from other uses of the seed. */
const orderKey = 0x636c6173;

/** Places of pictures that one stream reads, 16 MB of them. */
const mostPlaces = 2 ** 22;

/**
 * Every picture once an epoch, in an order that follows from (seed, epoch); bad files are left out, and asked for in the first epoch
 * alone. The last batch of an epoch is as small as it comes; one of a single picture is left out, for batch norm has nothing to compare
 * it with.
 *
 * @throws SelfsightError "data" for too many bad files.
 */
export async function* epochBatches(dataset: Dataset, reading: EpochReading): AsyncGenerator<Batch> {
  const badFiles = new Set<number>();
  const onBadFile = (index: number, error: Error) => {
    if (!badFiles.has(index)) reading.onBadFile?.(index, error);
    badFiles.add(index);
  };
  const orderOf = (epoch: number) =>
    keyedPermutation(dataset.length, reading.seed, orderKey, epoch).filter((place) => !badFiles.has(place));
  if (dataset.kind === "array") {
    for (let epoch = 0; epoch < reading.epochs; epoch++) yield* ofArray(dataset, epoch, orderOf(epoch), reading);
    return;
  }
  // threads that decode are started once for many epochs of few pictures
  const atOnce = Math.max(1, Math.floor(mostPlaces / dataset.length));
  let rules = dataset.rules;
  for (let epoch = 0, count = 1; epoch < reading.epochs; epoch += count, count = atOnce) {
    const last = Math.min(reading.epochs, epoch + count);
    const orders = Array.from({ length: last - epoch }, (_, i) => ({ epoch: epoch + i, order: orderOf(epoch + i) }));
    yield* ofFolder({ ...dataset, rules }, orders, { ...reading, onBadFile });
    rules = { ...rules, maxBadShare: 1 }; // whether too many are bad, the first epoch has said
  }
}

async function* ofArray(dataset: Dataset, epoch: number, order: Uint32Array, { batchSize }: EpochReading) {
  for await (const batch of onePass(subset(dataset, order), { batchSize }))
    if (batch.indices.length > 1) yield { ...batch, epoch, indices: batch.indices.map((turn) => order[turn]!) };
}

interface Order {
  epoch: number;
  order: Uint32Array;
}

/** Several epochs as one stream of pictures, cut into batches at their ends. */
async function* ofFolder(folder: ImageFolder, orders: readonly Order[], reading: EpochReading): AsyncGenerator<Batch> {
  const { batchSize, decodeSize, onBadFile } = reading;
  const places = joined(orders.map(({ order }) => order));
  const epochs = joined(orders.map(({ epoch, order }) => new Uint32Array(order.length).fill(epoch)));
  const stream = onePass(subset(folder, places), {
    batchSize: 1,
    prefetch: 3 * batchSize,
    decodeSize,
    onBadFile: (turn, error) => onBadFile?.(places[turn]!, error),
  });
  let taken: number[] = [];
  let images: RawImage[] = [];
  const batch = (): Batch => {
    const indices = Uint32Array.from(taken, (turn) => places[turn]!);
    const labels = Int32Array.from(indices, (place) => folder.labels![place]!);
    return { epoch: epochs[taken[0]!]!, step: 0, indices, images, labels };
  };
  for await (const one of stream) {
    const turn = one.indices[0]!;
    const isNewEpoch = taken.length > 0 && epochs[turn] !== epochs[taken[0]!];
    if (taken.length === batchSize || isNewEpoch) {
      if (taken.length > 1) yield batch();
      [taken, images] = [[], []];
    }
    taken.push(turn);
    images.push(...(one.images as RawImage[]));
  }
  if (taken.length > 1) yield batch();
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
