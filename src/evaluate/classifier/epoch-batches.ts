// N pictures of the dataset, B of a batch, b of them in this process, E epochs
import {
  type Batch,
  countBadFiles,
  type Dataset,
  type Decoded,
  decoderOf,
  gatherLabels,
  gatherPixels,
  type ImageArray,
  type ImageFolder,
} from "../../data/index.ts";
import { keyedPermutation } from "../../random.ts";

export interface EpochReading {
  epochs: number;
  batchSize: number;
  seed: number;
  /** Pixels that the shorter side of a decoded file keeps at least. */
  decodeSize: number;
  /** Told of each bad file once. */
  onBadFile?: ((index: number, error: Error) => void) | undefined;
  /** Among several processes that read each batch together. Default alone. */
  share?: EpochShare | undefined;
}

/** A process's part of every batch. */
export interface EpochShare {
  /** Its rows of a batch of `total`. */
  rowsOf(total: number): { start: number; end: number };
  /** What all processes found, in one order; each gives what it found itself. */
  union<T>(own: readonly T[]): T[];
}

const alone: EpochShare = { rowsOf: (total) => ({ start: 0, end: total }), union: (own) => [...own] };

/** Keeps this order apart from other uses of the seed. */
const orderKey = 0x636c6173;

/** Batches that are decoded ahead, the one in turn among them. */
const batchesAhead = 4;

/**
 * Every picture once an epoch, in an order that follows from (seed, epoch); bad files are left out, and asked for in the first epoch
 * alone. The last batch of an epoch is as small as it comes; one of a single picture is left out, for batch norm has nothing to compare
 * it with. Several processes get their own rows of the same batches, and `total` says how many those have.
 *
 * @throws SelfsightError "data" for too many bad files.
 */
export async function* epochBatches(dataset: Dataset, reading: EpochReading): AsyncGenerator<Batch> {
  const { share = alone, batchSize } = reading;
  const turns = turnsOf(dataset, reading);
  const pictures = dataset.kind === "array" ? picturesOfArray(dataset) : picturesOfFolder(dataset, reading);
  const rowsOf = (batch: readonly Turn[]) => {
    const { start, end } = share.rowsOf(batch.length);
    return batch.slice(start, end);
  };
  try {
    for (let step = 0; ; ) {
      const ahead = cut(turns.upTo(batchesAhead * batchSize), batchSize).slice(0, batchesAhead);
      const [batch] = ahead;
      if (!batch) return;
      const bad = share.union(await pictures.badAmong(ahead.map(rowsOf)));
      turns.leaveOut(pictures.leaveOut(batch, bad));
      if (bad.length > 0) continue;
      turns.take(batch.length);
      if (batch.length === 1) continue;
      const own = rowsOf(batch);
      const indices = Uint32Array.from(own, ({ place }) => place); // [b]
      const images = await pictures.imagesOf(own);
      const { epoch } = batch[0]!;
      yield {
        epoch,
        step: step++,
        total: batch.length,
        indices,
        labels: gatherLabels(dataset.labels!, indices),
        images,
      };
    }
  } finally {
    pictures.close();
  }
}

/** One picture's turn in an epoch. */
interface Turn {
  epoch: number;
  place: number;
}

/** The turns of all epochs in their order, laid out a little ahead. */
function turnsOf({ length }: Dataset, { epochs, seed }: EpochReading) {
  const leftOut = new Set<number>();
  const remaining = (function* (): Generator<Turn> {
    for (let epoch = 0; epoch < epochs; epoch++)
      for (const place of keyedPermutation(length, seed, orderKey, epoch))
        if (!leftOut.has(place)) yield { epoch, place };
  })();
  let ahead: Turn[] = [];
  return {
    /** The next `count` and one more, which tells where an epoch ends. */
    upTo(count: number): readonly Turn[] {
      while (ahead.length <= count) {
        const { value, done } = remaining.next();
        if (done) break;
        ahead.push(value);
      }
      return ahead;
    },
    take: (count: number) => void ahead.splice(0, count),
    leaveOut(places: readonly number[]): void {
      for (const place of places) leftOut.add(place);
      ahead = ahead.filter(({ place }) => !leftOut.has(place));
    },
  };
}

/** Turns as batches, cut at the ends of epochs; the last one may go on behind what is laid out. */
function cut(turns: readonly Turn[], batchSize: number): Turn[][] {
  const batches: Turn[][] = [];
  for (const turn of turns) {
    const last = batches.at(-1);
    if (last && last.length < batchSize && last[0]!.epoch === turn.epoch) last.push(turn);
    else batches.push([turn]);
  }
  return batches;
}

interface BadFile {
  place: number;
  message: string;
}

interface Pictures {
  /** Which of the first batch are bad; the others are decoded meanwhile. This process's rows come in. */
  badAmong(batches: readonly (readonly Turn[])[]): Promise<BadFile[]>;
  /** Counts what all found bad in a batch, and gives their places. Errors: data. */
  leaveOut(batch: readonly Turn[], bad: readonly BadFile[]): number[];
  imagesOf(turns: readonly Turn[]): Promise<Batch["images"]>;
  close(): void;
}

function picturesOfArray(array: ImageArray): Pictures {
  const { channels, height, width } = array;
  const pixelsOf = (turns: readonly Turn[]) =>
    gatherPixels(
      array,
      Uint32Array.from(turns, ({ place }) => place),
    );
  return {
    badAmong: async () => [],
    leaveOut: () => [],
    imagesOf: async (turns) => ({ pixels: pixelsOf(turns), channels, height, width }), // [b, C, H, W]
    close() {},
  };
}

function picturesOfFolder(folder: ImageFolder, reading: EpochReading): Pictures {
  const pool = decoderOf(folder, { decodeSize: reading.decodeSize });
  const decoding = new Map<Turn, Promise<Decoded>>();
  const decode = (turn: Turn) => {
    const decoded = pool.decode(folder.files.at(turn.place)!);
    decoded.catch(() => {}); // a failed pool is met when the turn comes
    decoding.set(turn, decoded);
  };
  const decodedOf = (turns: readonly Turn[]) =>
    Promise.all(turns.map(async (turn) => ({ ...turn, ...(await decoding.get(turn)!) })));
  return {
    async badAmong(batches) {
      const needed = new Set(batches.flat());
      for (const turn of decoding.keys()) if (!needed.has(turn)) decoding.delete(turn);
      for (const turn of needed) if (!decoding.has(turn)) decode(turn);
      const first = await decodedOf(batches[0]!);
      return first.flatMap((own) => ("error" in own ? [{ place: own.place, message: own.error.message }] : []));
    },
    leaveOut: countInTurn(folder, reading),
    imagesOf: async (turns) => (await decodedOf(turns)).flatMap((own) => ("image" in own ? [own.image] : [])),
    close: () => pool.close(),
  };
}

/** Counts bad files in the order of their turns, a batch that is cut anew from where it was good. Whether too many are bad, the first epoch says. */
function countInTurn(folder: ImageFolder, { onBadFile }: EpochReading): Pictures["leaveOut"] {
  const told = new Set<number>();
  const tell = (place: number, error: Error) => {
    if (!told.has(place)) onBadFile?.(place, error);
    told.add(place);
  };
  const [first, later] = [countBadFiles(folder, tell), countBadFiles(bearingAll(folder), tell)];
  let inARow = 0;
  let lastGood: Turn | undefined;
  return (batch, bad) => {
    const messages = new Map(bad.map(({ place, message }) => [place, message]));
    for (const turn of batch.slice(batch.indexOf(lastGood!) + 1)) {
      const message = messages.get(turn.place);
      inARow = message === undefined ? 0 : inARow + 1;
      if (message === undefined) lastGood = turn;
      else (turn.epoch === 0 ? first : later)(turn.place, message, inARow);
    }
    return [...messages.keys()];
  };
}

const bearingAll = (folder: ImageFolder): ImageFolder => ({ ...folder, rules: { ...folder.rules, maxBadShare: 1 } });
