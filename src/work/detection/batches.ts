// N pictures that are learned from, B of them in a step
import type { DetectionSet } from "../../data/annotations/index.ts";
import { objectsOf } from "../../data/annotations/index.ts";
import { decodeImage, type RawImage } from "../../data/index.ts";
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
  pictures: ReadPicture[];
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

/** Pictures that could not be read, by their place; told once each. */
export class Unreadable {
  readonly places = new Set<number>();
  readonly #onBadFile: (message: string) => void;

  constructor(onBadFile: (message: string) => void) {
    this.#onBadFile = onBadFile;
  }

  add(place: number, message: string): void {
    if (!this.places.has(place)) this.#onBadFile(message);
    this.places.add(place);
  }
}

/** A picture's pixels; undefined, and said, where it cannot be read or is not of the size that its annotations are for. */
export async function readOrSkip(
  set: DetectionSet,
  place: number,
  unreadable: Unreadable,
): Promise<RawImage | undefined> {
  const { file, height, width } = set.images[place]!;
  if (unreadable.places.has(place)) return undefined;
  try {
    const raw = await decodeImage(file);
    if (raw.height === height && raw.width === width) return raw;
    unreadable.add(
      place,
      `${displayName(file)}: ${raw.width}x${raw.height} pixels, its annotations are for ${width}x${height}; it is left out`,
    );
  } catch (error) {
    if (!(error instanceof SelfsightError) || error.kind !== "data") throw error;
    unreadable.add(place, error.message);
  }
  return undefined;
}

export interface BatchesOptions {
  batchSize: number;
  seed: number;
  startStep: number;
  steps: number;
}

/**
 * Batches from a step on, in an order that follows from (seed, epoch): the k-th picture of the whole run is the same however it was
 * interrupted. One that cannot be read is replaced by the next of its epoch. The next batch is read while this one is learned.
 *
 * @throws SelfsightError "data" when none can be read.
 */
export async function* pictureBatches(
  set: DetectionSet,
  usable: readonly number[],
  unreadable: Unreadable,
  { batchSize, seed, startStep, steps }: BatchesOptions,
): AsyncGenerator<PictureBatch> {
  const order = keyedOrder(usable, seed);
  const read = (step: number) => readBatch(step, batchSize, (turn) => readAt(set, order, turn, unreadable));
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
  batchSize: number,
  read: (turn: number) => Promise<ReadPicture>,
): Promise<PictureBatch> {
  const pictures = await Promise.all(Array.from({ length: batchSize }, (_, i) => read(step * batchSize + i)));
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

async function readAt(set: DetectionSet, order: Order, turn: number, unreadable: Unreadable): Promise<ReadPicture> {
  for (let skipped = 0; skipped < order.length; skipped++) {
    const { image, epoch } = order.at(turn + skipped);
    const raw = await readOrSkip(set, image, unreadable);
    if (raw) return { image, epoch, raw };
  }
  throw new SelfsightError(
    "data",
    `detection: none of the ${order.length} pictures of ${displayName(set.name)} can be read; whole pictures are needed; check the files`,
  );
}
