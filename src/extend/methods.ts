/** selfsight/methods: what a method is made of (views, heads, losses), the methods that there are, and the step that trains them. */
export { z } from "zod";
export * from "../augment/index.ts";
export {
  type Batch,
  type BatchOptions,
  batches,
  type Dataset,
  onePass,
  openDataset,
  type PixelBlock,
  stepsPerEpoch,
  subset,
} from "../data/index.ts";
export * from "../evaluate/index.ts";
export * from "../methods/index.ts";
export * from "../train/index.ts";
