// N pictures, C channels, H height, W width. Pictures in one array of bytes, each at its place: what the kernels of views read from, so
// that a batch out of pictures that lie on a device is a list of places, and nothing is gathered.
import type { Batch, NamedBatch, RawImage } from "../data/index.ts";
import { borrow, indexTensor, type Tensor } from "../torch/index.ts";

/** Where the pixels of pictures lie. */
export interface PackedPictures {
  /** On the device: planes [.., C, H, W] of one size, or [bytes], where each picture is [H, W, 3]. */
  bytes: Tensor;
  channels: number;
  isInterleaved: boolean;
  places: readonly PicturePlace[];
}

export interface PicturePlace {
  offset: number;
  height: number;
  width: number;
}

/** A batch whose pictures lie in memory, or on a device already. */
export interface PlacedBatch extends NamedBatch {
  images: Batch["images"] | PackedPictures;
}

export const isPacked = (images: PlacedBatch["images"]): images is PackedPictures => "places" in images;

/** All pictures of one size [N, C, H, W]. */
export const packedBlock = (bytes: Tensor): PackedPictures => packedRows(bytes, [...Array(bytes.size(0)).keys()]);

/** Those in these rows of [N, C, H, W]. */
export function packedRows(bytes: Tensor, rows: Iterable<number>): PackedPictures {
  const [, channels, height, width] = bytes.shape as [number, number, number, number];
  const places = Array.from(rows, (row) => ({ offset: row * channels * height * width, height, width }));
  return { bytes, channels, isInterleaved: false, places };
}

/** Pictures of their own sizes, [H, W, 3] each, one behind the other in `bytes`. */
export function packedBehindEachOther(bytes: Tensor, files: readonly RawImage[]): PackedPictures {
  let offset = 0;
  const places = files.map(({ pixels, height, width }) => {
    const place = { offset, height, width };
    offset += pixels.length;
    return place;
  });
  return { bytes, channels: 3, isInterleaved: true, places };
}

/** The same, packed here and uploaded. */
export function packedFiles(files: readonly RawImage[], device: string): PackedPictures {
  const bytes = new Uint8Array(files.reduce((sum, { pixels }) => sum + pixels.length, 0));
  let offset = 0;
  for (const { pixels } of files) {
    bytes.set(pixels, offset);
    offset += pixels.length;
  }
  const host = borrow(bytes, [bytes.length]);
  return packedBehindEachOther(device === "cpu" ? host : host.toDevice(device), files);
}

/** Planes of one size, taken out side by side: [N, C, H, W]. */
export function gathered({ bytes, places }: PackedPictures): Tensor {
  const [, channels, height, width] = bytes.shape as [number, number, number, number];
  const rows = places.map(({ offset }) => offset / (channels * height * width));
  return bytes.indexSelect(0, indexTensor(rows, bytes.device));
}

/** One of the pictures that are [H, W, 3]: [1, H, W, 3], without a copy. */
export const packedPicture = ({ bytes }: PackedPictures, { offset, height, width }: PicturePlace): Tensor =>
  bytes.narrow(0, offset, 3 * height * width).reshape(1, height, width, 3);

/** Of the pictures those from one place of the batch to before another. */
export const packedPart = (packed: PackedPictures, start: number, end: number): PackedPictures => ({
  ...packed,
  places: packed.places.slice(start, end),
});

/** Of the pictures those at these places of the batch. */
export const packedAt = (packed: PackedPictures, places: readonly number[]): PackedPictures => ({
  ...packed,
  places: places.map((place) => packed.places[place]!),
});
