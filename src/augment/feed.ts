// N pictures of an array, C channels, H height, W width. How the pictures of batches get to where views are made of them: with the views, ahead
// of them, or once for all.
import type { Batch, ImageArray, NamedBatch, PixelBlock } from "../data/index.ts";
import { SelfsightError } from "../errors.ts";
import { borrow, keep, sendBytes, type Tensor } from "../torch/index.ts";
import { type PlacedBatch, packedBehindEachOther, packedBlock, packedRows } from "./packed.ts";

/** Batches in their order. */
export interface Feed {
  batches: AsyncGenerator<PlacedBatch>;
  /**
   * Reads the next batch and starts its way to the device, where it is one: called when the device has its work with this one. What goes wrong
   * is said when the turn of that batch comes.
   */
  lookAhead(): Promise<void>;
}

/** Batches as they come: for the CPU, whose views read them where they lie, and for pictures that lie on the device. */
export const plainFeed = (batches: AsyncGenerator<PlacedBatch>): Feed => ({ batches, lookAhead: async () => {} });

/** Batches that are carried to a device one ahead; on the CPU as they come. */
export function feedTo(source: AsyncGenerator<Batch>, device: string): Feed {
  const carrier = carrierTo(device);
  return carrier ? carriedFeed(source, carrier) : plainFeed(source);
}

// ---- carried ahead ----

/** A batch on its way. */
export interface Carried {
  /** The batch there; what the device is given from now on waits for its bytes. */
  arrive(): PlacedBatch;
  free(): void;
}

/** Starts a batch on its way. */
export type Carrier = (batch: Batch) => Carried;

/** Undefined for the CPU, where there is nothing to carry. */
export const carrierTo = (device: string): Carrier | undefined =>
  device === "cpu" ? undefined : (batch) => carry(batch, device);

/** The bytes of a batch to a device, without waiting for what it does. */
export function carry(batch: Batch, device: string): Carried {
  const { images, ...named } = batch;
  if (named.indices.length === 0) return { arrive: () => batch, free() {} };
  const isFiles = Array.isArray(images);
  const travelling = sendBytes(isFiles ? images.map(({ pixels }) => pixels) : [images.pixels], device);
  let bytes: Tensor | undefined;
  const receive = () => {
    bytes ??= keep(isFiles ? travelling.receive() : asBlock(travelling.receive(), images));
    return bytes;
  };
  const packed = () => (isFiles ? packedBehindEachOther(receive(), images) : packedBlock(receive()));
  return { arrive: () => ({ ...named, images: packed() }), free: () => receive().free() };
}

function asBlock(bytes: Tensor, { channels, height, width }: PixelBlock): Tensor {
  const block = bytes.reshape(-1, channels, height, width); // [N, C, H, W]
  bytes.free();
  return block;
}

/**
 * Batches each of which is carried while the one before it is computed. At most two batches are on the device: the one in use, which goes when
 * the next is asked for, and that one.
 */
export function carriedFeed(source: AsyncGenerator<Batch>, carrier: Carrier): Feed {
  let ahead: Promise<Carried | undefined> | undefined;
  const fetchNext = async () => {
    const { value, done } = await source.next();
    return done ? undefined : startedOrLeft(value, carrier);
  };
  async function* carried(): AsyncGenerator<PlacedBatch> {
    try {
      for (let next = await fetchNext(); next; next = await (ahead ?? fetchNext())) {
        ahead = undefined;
        try {
          yield next.arrive();
        } finally {
          next.free();
        }
      }
    } finally {
      (await ahead?.catch(() => undefined))?.free();
      await source.return(undefined);
    }
  }
  const lookAhead = async () => {
    ahead ??= fetchNext();
    await ahead.catch(() => {});
  };
  return { batches: carried(), lookAhead };
}

/** Where there is no memory for a batch ahead of its turn, it waits: the step then says what fits. */
function startedOrLeft(batch: Batch, carrier: Carrier): Carried {
  try {
    return carrier(batch);
  } catch (error) {
    if (error instanceof SelfsightError && error.kind === "memory") return { arrive: () => batch, free() {} };
    throw error;
  }
}

// ---- resident ----

/** All pictures of an array on a device, as bytes. */
export interface ResidentPictures {
  bytes: Tensor; // [N, C, H, W]
}

/** Copies them there; on the CPU they are the array's own. To be freed. Errors: memory. */
export function makeResident(
  { pixels, length, channels, height, width }: ImageArray,
  device: string,
): ResidentPictures {
  const own = borrow(pixels, [length, channels, height, width]);
  if (device === "cpu") return { bytes: keep(own) };
  try {
    return { bytes: keep(own.toDevice(device)) };
  } finally {
    own.free();
  }
}

/** Batches of an array whose pictures are resident: each names rows, and no pixel moves. */
export const residentFeed = (source: AsyncGenerator<NamedBatch>, resident: ResidentPictures): Feed =>
  plainFeed(inRows(source, resident));

async function* inRows(source: AsyncGenerator<NamedBatch>, { bytes }: ResidentPictures): AsyncGenerator<PlacedBatch> {
  for await (const batch of source) yield { ...batch, images: packedRows(bytes, batch.indices) };
}
