/** What a program needs to learn from pictures and to use what was learned. */
export {
  type Category,
  type DetectionImage,
  type DetectionSet,
  type Detections,
  describeIssue,
  type ImageObjects,
  type Issue,
  type IssueKind,
  type MaskTable,
  type ObjectTable,
  type OpenDetectionOptions,
  objectsOf,
  openDetectionSet,
  type ReadResults,
  rasterised,
  readCocoResults,
  type StoredMask,
} from "./data/annotations/index.ts";
export {
  bytesOfName,
  type DataSource,
  type Dataset,
  type DecodeOptions,
  type Division,
  type DownloadProgress,
  datasetNames,
  decodeBytes,
  decodeImage,
  type FilePart,
  type FolderPart,
  type ImageArray,
  type ImageFile,
  type ImageFolder,
  nameOfBytes,
  type OnProgress,
  type OpenOptions,
  openDataset,
  type PictureFiles,
  type PictureSource,
  type RawImage,
  type ReadingRules,
  type SkippedFile,
  type Split,
} from "./data/index.ts";
export { encodeMask, maskBitmap, type RunLengths } from "./data/masks/run-lengths.ts";
export { CallError, type ErrorKind, exitCodes, SelfsightError } from "./errors.ts";
export type { CategoryScore, CocoNumbers } from "./evaluate/detection/coco.ts";
export {
  type CategoryScore,
  type CocoMatchOptions,
  type CocoNumbers,
  type CocoScores,
  cocoScores,
  type VocCategoryScore,
  type VocMetric,
  type VocOptions,
  type VocScores,
  vocScores,
} from "./evaluate/detection/index.ts";
export type { BadFile, ClassScore, Evaluation, ExtractOptions, Representation } from "./evaluate/index.ts";
export { type MethodName, methodNames } from "./methods/index.ts";
export { type RecipeName, recipes } from "./recipes/index.ts";
export {
  type DrawOptions,
  drawDetections,
  type Figure,
  type Measure,
  type Score,
  type Scores,
} from "./report/index.ts";
export {
  type LogEvent,
  type LossParts,
  type MethodSettings,
  type PartialSettings,
  type PartialTraining,
  type RunFacts,
  type RunFile,
  type RunSettings,
  readLog,
  readRun,
  type SettingFacts,
  type Settings,
  type StepReport,
  type StepShares,
  settingsOf,
  settingsSchema,
  type TrainingSettings,
  type TrainResult,
} from "./train/index.ts";
export { version } from "./version.ts";
export * from "./work/index.ts";
