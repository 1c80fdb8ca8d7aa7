// N pictures that are learned from, B of them in a step; of several processes each reads some of the B
import type { DetectionSet } from "../../data/annotations/index.ts";
import { objectsOf } from "../../data/annotations/index.ts";
import { decodeImage, type RawImage } from "../../data/index.ts";
import type { ImageSize } from "../../detect/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { keyedPermutation } from "../../random.ts";

/** A decoded picture and its place in the set; `epoch` keys what is drawn for it. */
export interface ReadPicture {
  image: number;
  epoch: number;
  raw: RawImage;
}

export interface PictureBatch {
  step: number;
  epoch: number;
  /** Those of this process. */
  pictures: ReadPicture[];
  /** What all processes together know of it; undefined where one is alone. */
  shared?: SharedBatch;
}

export interface SharedBatch {
  /** The sides to which the pictures of all processes are filled up. */
  size: ImageSize;
  /** Whether one of the processes was asked to stop. */
  isStopping: boolean;
}

/** Keeps the order apart from other uses of a seed. */
const orderKey = 0x6f726465;

/**
 * Places of the pictures that show something to learn: those without objects, or with crowds alone, teach nothing about boxes (as
 * detectron2 leaves them out).
 */
export function usablePictures(set: DetectionSet, withMasks: boolean): number[] {
  const hasObject = (image: number) => {
    const objects = objectsOf(set, image);
    const isUsable = (i: number) => objects.isCrowd[i] === 0 && (!withMasks || objects.mask(i) !== undefined);
    return Array.from({ length: objects.count }, (_, i) => i).some(isUsable);
  };
  return [...set.images.keys()].filter(hasObject);
}

/** Decoded pictures that are kept in memory, in bytes: small sets are decoded once. */
const mostKept = 256e6;

/** Reads the pictures of a set. Those that cannot be read are told once each, and passed over. */
export class PictureReader {
  /** Places of pictures that cannot be read. */
  readonly unreadable = new Set<number>();
  readonly #set: DetectionSet;
  readonly #shortSide: number;
  readonly #onBadFile: (message: string, place: number) => void;
  readonly #kept = new Map<number, RawImage>();
  #bytes = 0;

  /** Pictures are halved as long as their shorter side keeps `shortSide` pixels. */
  constructor(set: DetectionSet, shortSide: number, onBadFile: (message: string, place: number) => void) {
    this.#set = set;
    this.#shortSide = shortSide;
    this.#onBadFile = onBadFile;
  }

  /** A picture's pixels; undefined where it cannot be read or is not of the shape that its annotations are for. */
  async read(place: number): Promise<RawImage | undefined> {
    if (this.unreadable.has(place)) return undefined;
    const raw = this.#kept.get(place) ?? (await this.#decoded(place));
    if (raw) this.#keep(place, raw);
    return raw;
  }

  async #decoded(place: number): Promise<RawImage | undefined> {
    const { file, height, width } = this.#set.images[place]!;
    try {
      const raw = await decodeImage(file, { shortSide: this.#shortSide });
      if (isOfShape(raw, { height, width })) return raw;
      this.#refuse(
        place,
        `${displayName(file)}: ${raw.width}x${raw.height} pixels, its annotations are for ${width}x${height}; it is left out`,
      );
    } catch (error) {
      if (!(error instanceof SelfsightError) || error.kind !== "data") throw error;
      this.#refuse(place, error.message);
    }
    return undefined;
  }

  #refuse(place: number, message: string): void {
    if (!this.unreadable.has(place)) this.#onBadFile(message, place);
    this.unreadable.add(place);
  }

  #keep(place: number, raw: RawImage): void {
    if (this.#kept.has(place) || this.#bytes + raw.pixels.length > mostKept) return;
    this.#kept.set(place, raw);
    this.#bytes += raw.pixels.length;
  }
}

/** Equal, or halved some times, each side rounded once. */
function isOfShape(raw: ImageSize, { height, width }: ImageSize): boolean {
  const factor = 2 ** Math.round(Math.log2(Math.min(height, width) / Math.min(raw.height, raw.width)));
  const isNear = (own: number, whole: number) => Math.abs(own * factor - whole) < 2 * factor - (factor === 1 ? 1 : 0);
  return factor >= 1 && isNear(raw.height, height) && isNear(raw.width, width);
}

export interface BatchesOptions {
  batchSize: number;
  seed: number;
  startStep: number;
  steps: number;
  /** The pictures of each batch that are read, from the first to before the last. Default all. */
  rows?: { start: number; end: number } | undefined;
}

/**
 * Batches from a step on, in an order that follows from (seed, epoch): the k-th picture of the whole run is the same however it was
 * interrupted. One that cannot be read is replaced by the next of its epoch. The next batch is read while this one is learned.
 *
 * @throws SelfsightError "data" when none can be read.
 */
export async function* pictureBatches(
  reader: PictureReader,
  usable: readonly number[],
  { batchSize, seed, startStep, steps, rows = { start: 0, end: batchSize } }: BatchesOptions,
): AsyncGenerator<PictureBatch> {
  const order = keyedOrder(usable, seed);
  const turnsOf = (step: number) =>
    Array.from({ length: rows.end - rows.start }, (_, i) => step * batchSize + rows.start + i);
  const read = (step: number) => readBatch(step, turnsOf(step), (turn) => readAt(reader, order, turn));
  let coming = startStep < steps ? read(startStep) : undefined;
  for (let step = startStep; step < steps; step++) {
    const batch = await coming!;
    coming = step + 1 < steps ? read(step + 1) : undefined;
    coming?.catch(() => {}); // told when its turn comes
    yield batch;
  }
}

async function readBatch(
  step: number,
  turns: readonly number[],
  read: (turn: number) => Promise<ReadPicture>,
): Promise<PictureBatch> {
  const pictures = await Promise.all(turns.map(read));
  return { step, epoch: pictures[0]!.epoch, pictures };
}

interface Order {
  length: number;
  /** The picture of a turn, counted from the run's beginning, and its epoch. */
  at(turn: number): { image: number; epoch: number };
}

function keyedOrder(usable: readonly number[], seed: number): Order {
  const permutations = new Map<number, Uint32Array>();
  const { length } = usable;
  const orderOf = (epoch: number) => {
    if (permutations.size > 4) permutations.clear(); // a batch may span some epochs of a tiny set
    const known = permutations.get(epoch) ?? keyedPermutation(length, seed, orderKey, epoch);
    permutations.set(epoch, known);
    return known;
  };
  return {
    length,
    at(turn) {
      const epoch = Math.floor(turn / length);
      return { image: usable[orderOf(epoch)[turn % length]!]!, epoch };
    },
  };
}

async function readAt(reader: PictureReader, order: Order, turn: number): Promise<ReadPicture> {
  for (let skipped = 0; skipped < order.length; skipped++) {
    const { image, epoch } = order.at(turn + skipped);
    const raw = await reader.read(image);
    if (raw) return { image, epoch, raw };
  }
  throw new SelfsightError(
    "data",
    `detection: none of the ${order.length} pictures can be read; whole pictures are needed; check the files`,
  );
}
