/** What a program needs to learn from pictures and to use what was learned. */
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
export { CallError, type ErrorKind, exitCodes, SelfsightError } from "./errors.ts";
export type {
  BadFile,
  ClassScore,
  CorruptionName,
  CorruptionScore,
  Evaluation,
  ExtractOptions,
  Interval,
  PairedComparison,
  RelativeErrors,
  Representation,
  RobustnessScore,
  UnlabelledQuality,
} from "./evaluate/index.ts";
export { type MethodName, methodNames } from "./methods/index.ts";
export { type RecipeName, recipes } from "./recipes/index.ts";
export type { Figure, Measure, Score, Scores } from "./report/index.ts";
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
