// A anchors at each place of a map of H x W places
import { borrow, type Tensor } from "../torch/index.ts";

export interface AnchorOptions {
  /** Pixels of the picture between two places of the map. */
  stride: number;
  /** Roots of the anchors' areas in pixels. */
  sizes: readonly number[];
  /** Height over width. Default 0.5, 1, 2. */
  ratios?: readonly number[];
}

/** Anchors at each place. */
export const anchorsAtPlace = ({ sizes, ratios = usualRatios }: AnchorOptions): number => sizes.length * ratios.length;

const usualRatios = [0.5, 1, 2];

/** Sizes of the C4 networks, 32 to 512 pixels at a stride of 16 (detectron2), brought to another stride. */
export const usualAnchorSizes = (stride: number): number[] =>
  [32, 64, 128, 256, 512].map((size) => (size * stride) / 16);

/** One place's anchors around its corner: for each size, for each ratio, (x1, y1, x2, y2). */
function anchorsAround({ sizes, ratios = usualRatios }: AnchorOptions): number[][] {
  return sizes.flatMap((size) =>
    ratios.map((ratio) => {
      const [width, height] = [size / Math.sqrt(ratio), size * Math.sqrt(ratio)];
      return [-width / 2, -height / 2, width / 2, height / 2];
    }),
  );
}

/** All anchors of a map, [H W A, 4]: row by row, at (stride · column, stride · row), those of a place together. */
export function anchorsOf(options: AnchorOptions, height: number, width: number): Tensor {
  const around = anchorsAround(options);
  const values = new Float32Array(height * width * around.length * 4);
  let at = 0;
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      for (const box of around) {
        for (let i = 0; i < 4; i++) values[at + i] = box[i]! + options.stride * (i % 2 === 0 ? column : row);
        at += 4;
      }
  return borrow(values, [values.length / 4, 4]);
}
