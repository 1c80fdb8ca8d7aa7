export type {
  Batch,
  Choice,
  DataSource,
  Dataset,
  Division,
  FolderPart,
  ImageArray,
  ImageFolder,
  NamedBatch,
  PixelBlock,
  RawImage,
  ReadingRules,
  SkippedFile,
  Split,
  StoredSplit,
} from "./dataset.ts";
export {
  defaultRules,
  gatherLabels,
  gatherPixels,
  imageArray,
  limitTo,
  sampleName,
  sampleNames,
  subset,
} from "./dataset.ts";
export { type Decoded, type DecodeOptions, decodeBytes, decodeImage, defaultMaxPixels } from "./decode/decode.ts";
export { type PictureSource, readPicture } from "./decode/picture-bytes.ts";
export {
  type BatchOptions,
  badFilesOfAll,
  batches,
  countBadFiles,
  decoderOf,
  namedBatches,
  onePass,
  type ReadOptions,
  stepsPerEpoch,
  verifyFolder,
} from "./loader.ts";
export type { FilePart, ImageFile, PictureFiles } from "./picture-files.ts";
export { bytesOfName, nameOfBytes } from "./picture-name.ts";
export { describeDivision, describeLeftOut, Remarks, warnOfSkipped } from "./said.ts";
export type { Share } from "./share.ts";
export {
  type DownloadOptions,
  type DownloadProgress,
  digestFault,
  digestOf,
  type FetchedFile,
  fetchFile,
  type OnProgress,
} from "./sources/fetch-file.ts";
export { openImageFile } from "./sources/image-folder.ts";
export { findKnownDatasets } from "./sources/known.ts";
export { datasetNames, isCollection, lastingSource, type OpenOptions, openDataset, reopened } from "./sources/open.ts";
export { shapeClasses } from "./sources/shapes.ts";
