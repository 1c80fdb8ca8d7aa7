export type {
  Batch,
  Dataset,
  ImageArray,
  ImageFile,
  ImageFolder,
  PixelBlock,
  RawImage,
  SkippedFile,
  Split,
} from "./dataset.ts";
export { subset } from "./dataset.ts";
export { type DecodeOptions, decodeBytes, decodeImage, defaultMaxPixels } from "./decode.ts";
export type { DownloadProgress } from "./download.ts";
export { findKnownDatasets } from "./known.ts";
export { type BatchOptions, batches, onePass, type ReadOptions, stepsPerEpoch, verifyFolder } from "./loader.ts";
export { datasetNames, type OpenOptions, openDataset } from "./open.ts";
export { shapeClasses } from "./shapes.ts";
