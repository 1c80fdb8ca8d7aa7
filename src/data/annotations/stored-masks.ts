import { polygonMask } from "../masks/polygons.ts";
import { maskArea, maskBox, type RunLengths } from "../masks/run-lengths.ts";
import type { Box } from "./boxes.ts";
import type { PictureSize, StoredMask } from "./detection-set.ts";

/** A mask of a file as run lengths of its picture's size. */
export const rasterised = (mask: StoredMask, { height, width }: PictureSize): RunLengths =>
  "polygons" in mask ? polygonMask(mask.polygons, height, width) : mask;

/** Area and box of a mask; the box as `[left, top, width, height]`. */
export function maskFacts(mask: StoredMask, size: PictureSize): { area: number; box: Box } {
  const runs = rasterised(mask, size);
  return { area: maskArea(runs), box: maskBox(runs) };
}
