import type { RunLengths } from "../masks/run-lengths.ts";

/** What was found in one picture. */
export interface Detections {
  /** Left, top, right, bottom in pixels, as in `ObjectTable`. */
  boxes: Float32Array | Float64Array; // [D, 4]
  /** Width times height where a file says them; default what follows from the boxes. */
  boxAreas?: Float64Array; // [D]
  /** The surest highest. */
  scores: Float32Array | Float64Array; // [D]
  /** Places in the set's categories. */
  classes: Int32Array; // [D]
  /** Masks of the picture's size, where masks were asked for. */
  masks?: readonly RunLengths[]; // [D]
}
