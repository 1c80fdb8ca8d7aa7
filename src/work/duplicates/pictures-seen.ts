// N pictures, D features, S side of a square
import { type Dataset, onePass, Remarks, sampleName } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { type BadFile, batchFeatures, type Representation } from "../../evaluate/index.ts";
import type { ReadingOptions } from "../open-work.ts";
import { rawPictures } from "../results/raw-pictures.ts";
import { squareBytes, squareSource, squaresOf } from "./squares.ts";

/** What is kept of every picture: the network's features, to find who may be alike, and a small square, to look. */
export interface SeenPictures {
  length: number;
  dimensions: number;
  values: Float32Array; // [N, D]
  squares: Uint8Array; // [N, 3, S, S]
  /** The place of each row in the dataset. */
  indices: Uint32Array; // [N]
  badFiles: BadFile[];
}

/** The mean of the features of a picture and of its mirror image: the same for both, to rounding. */
export const mirrorBlind = (representation: Representation): Representation => ({
  ...representation,
  decodeSize: Math.max(representation.decodeSize, squareSource),
  forward: (images) =>
    representation
      .forward(images)
      .add(representation.forward(images.flip(3)))
      .div(2), // [N, D]
});

const picturesAtOnce = 128;

/** Reads every picture once. Errors: data, numerics. */
export async function seePictures(
  seeing: Representation,
  dataset: Dataset,
  { onBadFile, onProgress, onRemark }: ReadingOptions = {},
): Promise<SeenPictures> {
  const parts: { values: Float32Array; squares: Uint8Array; indices: Uint32Array }[] = [];
  const badFiles: BadFile[] = [];
  const remarks = new Remarks();
  let done = 0;
  const reader = onePass(dataset, {
    batchSize: picturesAtOnce,
    decodeSize: seeing.decodeSize,
    onBadFile: (index, error) => {
      badFiles.push({ index, name: sampleName(dataset, index), reason: error.message });
      onBadFile?.(badFiles.at(-1)!);
    },
    onRemark: (index, remark) => remarks.add(index, remark),
  });
  for await (const batch of reader) {
    const values = batchFeatures(seeing, batch, (index) => sampleName(dataset, index));
    parts.push({ values, squares: await squaresOf(rawPictures(batch)), indices: batch.indices });
    done += batch.indices.length;
    onProgress?.(done, dataset.length);
  }
  for (const sentence of remarks.sentences(dataset)) onRemark?.(sentence);
  if (done === 0) throw nothingLeft(dataset);
  return { ...joined(parts, done), badFiles };
}

function joined(parts: { values: Float32Array; squares: Uint8Array; indices: Uint32Array }[], length: number) {
  const dimensions = (parts[0]?.values.length ?? 0) / (parts[0]?.indices.length ?? 1);
  const whole = {
    length,
    dimensions,
    values: new Float32Array(length * dimensions),
    squares: new Uint8Array(length * squareBytes),
    indices: new Uint32Array(length),
  };
  let row = 0;
  for (const part of parts.splice(0)) {
    whole.values.set(part.values, row * dimensions);
    whole.squares.set(part.squares, row * squareBytes);
    whole.indices.set(part.indices, row);
    row += part.indices.length;
  }
  return whole;
}

const nothingLeft = (dataset: Dataset) =>
  new SelfsightError(
    "data",
    `duplicates: none of the ${dataset.length} images of ${dataset.name} could be read; at least one is needed; check the files`,
  );
