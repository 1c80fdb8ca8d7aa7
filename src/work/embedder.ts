/// <reference lib="esnext.disposable" preserve="true" />
// B pictures of a batch, D features
import type { RawImage } from "../data/index.ts";
import { CallError, SelfsightError } from "../errors.ts";
import { batchFeatures } from "../evaluate/index.ts";
import { decoded, Model, type Picture } from "./model.ts";
import { openRepresentation, type RepresentationOptions } from "./representation.ts";

/** The bytes of a picture file as they come in: a request's body, a file's stream, a web stream. */
export type PictureStream = AsyncIterable<Uint8Array>;

export interface EmbedderOptions extends RepresentationOptions {
  /** Pictures that go through the network together at most. Default 32. */
  batchSize?: number | undefined;
  /** Bytes of a stream above which it is refused. Default 64 MiB. */
  maxBytes?: number | undefined;
}

interface Waiting {
  image: RawImage;
  name: string;
  resolve(vector: Float32Array): void;
  reject(error: unknown): void;
}

/**
 * A trained network for a program that answers requests: pictures come one by one from anywhere, and those that are decoded at the
 * same moment go through the network together. Made by `createEmbedder`.
 */
export class Embedder {
  readonly #model: Model;
  readonly #batchSize: number;
  readonly #maxBytes: number;
  readonly #waiting: Waiting[] = [];
  #isAsked = false;
  #isClosed = false;
  #count = 0;

  /** @internal */
  constructor(model: Model, { batchSize = 32, maxBytes = 2 ** 26 }: EmbedderOptions) {
    for (const [name, value] of Object.entries({ batchSize, maxBytes }))
      if (!Number.isInteger(value) || value < 1)
        throw new CallError(
          `createEmbedder: ${name} ${value}; a whole number from 1 is needed; leave it out for the usual one`,
        );
    this.#model = model;
    this.#batchSize = batchSize;
    this.#maxBytes = maxBytes;
  }

  /** What it was opened from. */
  get name(): string {
    return this.#model.name;
  }

  /** What vectors must have in common to be compared. */
  get trunk(): string {
    return this.#model.trunk;
  }

  /**
   * The features of one picture [D]: a path, the bytes of a file, pixels, or a stream of bytes. Call it as often as pictures come; batches
   * form by themselves.
   *
   * @throws SelfsightError "data" for what is no picture, or for a stream that is too long; a CallError after `close()`.
   */
  async embed(picture: Picture | PictureStream): Promise<Float32Array> {
    const { representation } = this.#open(); // before anything is read
    const name = typeof picture === "string" ? picture : `picture ${this.#count++}`;
    const { decodeSize: shortSide, rules } = representation;
    const whole = isStream(picture) ? await collected(picture, name, this.#maxBytes) : picture;
    const image = await decoded(whole, name, { shortSide, range: rules?.range ?? null, bands: rules?.bands ?? null });
    this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ image, name, resolve, reject });
      this.#ask();
    });
  }

  /** Gives the network's memory back; what is still waiting is refused. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#model.free();
    for (const { reject } of this.#waiting.splice(0)) reject(closed(this.name));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Model {
    if (this.#isClosed) throw closed(this.name);
    return this.#model;
  }

  /** One batch a turn of the event loop: what is decoded meanwhile joins the next. */
  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    setImmediate(() => {
      this.#isAsked = false;
      if (this.#isClosed) return;
      answer(this.#model, this.#waiting.splice(0, this.#batchSize));
      if (this.#waiting.length > 0) this.#ask();
    });
  }
}

/**
 * Opens a trained network for a program that answers requests, see `Embedder`: a run's folder, a weights.safetensors or a baseline, as
 * `openRun`. Give its memory back with `close()` or `using`.
 *
 * @throws SelfsightError "checkpoint" for what is no network; "configuration" for a missing device.
 */
export const createEmbedder = (source: string, options: EmbedderOptions = {}): Embedder =>
  new Embedder(new Model(openRepresentation(source, undefined, options)), options);

function answer({ representation }: Model, batch: readonly Waiting[]): void {
  try {
    const images = batch.map(({ image }) => image);
    const rows = batchFeatures(
      representation,
      { images, indices: Uint32Array.from(batch.keys()) },
      (i) => batch[i]!.name,
    ); // [B, D]
    const dimensions = rows.length / batch.length;
    for (const [row, { resolve }] of batch.entries()) resolve(rows.slice(row * dimensions, (row + 1) * dimensions));
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}

const isStream = (picture: Picture | PictureStream): picture is PictureStream =>
  typeof picture === "object" && picture !== null && Symbol.asyncIterator in picture;

async function collected(stream: PictureStream, name: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(name, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLong = (name: string, maxBytes: number) =>
  new SelfsightError(
    "data",
    `embed: ${name} has more than ${maxBytes} bytes; a stream of at most so many is needed; raise maxBytes if you trust where it comes from`,
  );

const closed = (name: string) =>
  new CallError(`${name}: it was closed; an open network is needed; open it again with createEmbedder`);
