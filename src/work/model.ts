/// <reference lib="esnext.disposable" preserve="true" />
// N pictures, D features, H height, W width
import { type DecodeOptions, decodeBytes, decodeImage, type RawImage } from "../data/index.ts";
import { CallError } from "../errors.ts";
import { batchFeatures, type Representation } from "../evaluate/index.ts";
import { type EmbedOptions, embedPictures } from "./embeddings/embed.ts";
import type { PictureIndex } from "./embeddings/picture-index.ts";
import { openPictures } from "./pictures.ts";
import { type OpenedRepresentation, openRepresentation, type RepresentationOptions } from "./representation.ts";

/** A picture: the path of a file, the bytes of one, or pixels that are decoded already. */
export type Picture = string | Uint8Array | RawImage;

/**
 * Opens a trained network for use: a run's folder (its newest whole checkpoint), a weights.safetensors that Selfsight wrote, or
 * a baseline (`pixels`, `untrained`, `untrained:RUN`). Give its memory back with `free()` or `using`.
 *
 * @throws SelfsightError "checkpoint" for what is neither, and for damaged or foreign files; "configuration" for a missing device.
 */
export const openRun = (source: string, options: RepresentationOptions = {}): Model =>
  new Model(openRepresentation(source, undefined, options));

/** Pictures that are decoded and lie in memory at one time. */
const picturesAtOnce = 32;

/** A trained network, ready for pictures. Made by `openRun`. */
export class Model {
  readonly #opened: OpenedRepresentation;
  #isFreed = false;

  /** @internal */
  constructor(opened: OpenedRepresentation) {
    this.#opened = opened;
  }

  /** The network as the functions on tensors have it. Errors: a CallError after `free()`. */
  get representation(): Representation {
    return this.opened;
  }

  /** @internal */
  get opened(): OpenedRepresentation {
    if (this.#isFreed)
      throw new CallError(`${this.name}: it was freed; an open network is needed; open it again with openRun`);
    return this.#opened;
  }

  /** What it was opened from. */
  get name(): string {
    return this.#opened.name;
  }

  /** What vectors must have in common to be compared: a digest of its weights and of how it reads pictures. */
  get trunk(): string {
    return this.opened.trunk();
  }

  /** Side in pixels to which pictures are brought. */
  get size(): number {
    return this.#opened.size;
  }

  get device(): string {
    return this.#opened.device;
  }

  get precision(): "bf16" | "fp32" {
    return this.#opened.precision;
  }

  /**
   * The features of one picture [D], or of each of several. Pictures are resized and their middle is taken, as in evaluation.
   *
   * @throws SelfsightError "data", naming the picture that cannot be read.
   */
  embed(picture: Picture): Promise<Float32Array>;
  embed(pictures: readonly Picture[]): Promise<Float32Array[]>;
  async embed(given: Picture | readonly Picture[]): Promise<Float32Array | Float32Array[]> {
    if (!Array.isArray(given)) return (await this.#embedSome([given as Picture], 0))[0]!;
    const found: Float32Array[] = [];
    for (let start = 0; start < given.length; start += picturesAtOnce)
      found.push(...(await this.#embedSome(given.slice(start, start + picturesAtOnce), start)));
    return found;
  }

  async #embedSome(pictures: readonly Picture[], start: number): Promise<Float32Array[]> {
    const names = pictures.map((picture, i) => (typeof picture === "string" ? picture : `picture ${start + i}`));
    const { decodeSize: shortSide, rules } = this.representation;
    const how = { shortSide, range: rules?.range ?? null, bands: rules?.bands ?? null };
    const images = await Promise.all(pictures.map((picture, i) => decoded(picture, names[i]!, how)));
    const indices = Uint32Array.from(images.keys());
    const rows = batchFeatures(this.representation, { images, indices }, (index) => names[index]!); // [N, D]
    const dimensions = rows.length / images.length;
    return images.map((_, row) => rows.slice(row * dimensions, (row + 1) * dimensions));
  }

  /**
   * The features of every picture of a folder, or of a known name, as an index. Files that cannot be read are left out and
   * listed in its `notes.badFiles`.
   *
   * @throws SelfsightError "data" when there are no pictures, or too many that cannot be read.
   */
  async embedFolder(data: string, options: EmbedOptions = {}): Promise<PictureIndex> {
    const pictures = await openPictures(data, {
      ...options,
      rules: { ...this.representation.rules, ...options.rules },
    });
    return embedPictures(this.opened, pictures, options);
  }

  /** Gives the network's memory back; a second call does nothing. */
  free(): void {
    if (!this.#isFreed) this.#opened.free();
    this.#isFreed = true;
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

/** A picture as pixels, whatever it was given as. */
export async function decoded(picture: Picture, name: string, how: DecodeOptions): Promise<RawImage> {
  if (typeof picture === "string") return decodeImage(picture, how);
  if (picture instanceof Uint8Array) return decodeBytes(picture, name, how);
  checkPixels(picture, name);
  return picture;
}

/** Callers without types may give anything. */
function checkPixels(picture: RawImage, name: string): void {
  const { pixels, height, width } = (picture ?? {}) as Partial<RawImage>;
  const count = 3 * Number(height) * Number(width);
  if (pixels instanceof Uint8Array && count > 0 && pixels.length === count) return;
  throw new CallError(
    `embed: ${name} is no path, no bytes of a file and no pixels; pixels are a Uint8Array [H, W, 3] with height and width; decode it with decodeImage`,
  );
}
