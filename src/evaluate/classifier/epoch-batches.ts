// N pictures of the dataset, B of a batch
import { type Batch, type Dataset, onePass, subset } from "../../data/index.ts";
import { keyedPermutation } from "../../random.ts";

export interface EpochReading {
  batchSize: number;
  seed: number;
  epoch: number;
  /** Pixels that the shorter side of a decoded file keeps at least. */
  decodeSize: number;
  /** Places that are left out; those that cannot be decoded are added. */
  badFiles: Set<number>;
  /** Told of each bad file once. */
  onBadFile?: (index: number, error: Error) => void;
}

/** Keeps this order apart from other uses of the seed. */
const orderKey = 0x636c6173;

/**
 * Every picture once, in an order that follows from (seed, epoch). The last batch is as small as it comes; one of a single picture is
 * left out, for batch norm has nothing to compare it with.
 */
export async function* epochBatches(dataset: Dataset, reading: EpochReading): AsyncGenerator<Batch> {
  const { batchSize, seed, epoch, decodeSize, badFiles, onBadFile } = reading;
  const order = keyedPermutation(dataset.length, seed, orderKey, epoch).filter((place) => !badFiles.has(place));
  const reader = onePass(subset(dataset, order), {
    batchSize,
    decodeSize,
    onBadFile(turn, error) {
      badFiles.add(order[turn]!);
      onBadFile?.(order[turn]!, error);
    },
  });
  for await (const batch of reader)
    if (batch.indices.length > 1) yield { ...batch, epoch, indices: batch.indices.map((turn) => order[turn]!) };
}
