/** What a program needs to learn from pictures and to use what was learned. */
export {
  type Dataset,
  type DecodeOptions,
  datasetNames,
  decodeBytes,
  decodeImage,
  type ImageArray,
  type ImageFolder,
  type OpenOptions,
  openDataset,
  type RawImage,
  type ReadingRules,
  type Split,
} from "./data/index.ts";
export { CallError, type ErrorKind, exitCodes, SelfsightError } from "./errors.ts";
export type { BadFile, ClassScore, Evaluation } from "./evaluate/index.ts";
export type { MethodName } from "./methods/index.ts";
export { type RecipeName, recipes } from "./recipes/index.ts";
export {
  type LogEvent,
  type LossParts,
  type PartialSettings,
  type RunFacts,
  type RunFile,
  type RunSettings,
  readLog,
  readRun,
  type Settings,
  type StepReport,
  type TrainResult,
} from "./train/index.ts";
export { version } from "./version.ts";
export * from "./work/index.ts";
