/** LAYER 5: networks trained and put to use. */
export { pretrainInProcess, resumeInProcess } from "./apart/pretrain.ts";
export { type CurveFiles, writeCurves } from "./curves/write-curves.ts";
export type { SeedSpread, SeedStatistics } from "./detection/evaluate.ts";
export {
  type DetectedObject,
  type DetectedPicture,
  type DetectedPictures,
  type DetectOptions,
  detectPictures,
} from "./detection/predict.ts";
export type { DetectionSettings, PartialDetectionSettings, ScheduleName } from "./detection/settings.ts";
export { createEmbedder, Embedder, type EmbedderOptions, type PictureStream } from "./embedder.ts";
export type { Embedded, EmbedOptions } from "./embeddings/embed.ts";
export { type EmbedFileOptions, embedToIndex } from "./embeddings/embed-folder.ts";
export type { IndexNotes } from "./embeddings/notes.ts";
export { type IndexParts, loadIndex, type Neighbour, PictureIndex } from "./embeddings/picture-index.ts";
export type { Shard } from "./embeddings/shards.ts";
export { type EvaluateOptions, type EvaluationReport, evaluate } from "./evaluate.ts";
export type { DetectionProtocolOptions, DetectionReport } from "./evaluation/detection.ts";
export type { FewShotProtocolOptions } from "./evaluation/few-shot.ts";
export type { FinetuneProtocolOptions } from "./evaluation/finetune.ts";
export type { KnnProtocolOptions } from "./evaluation/knn.ts";
export type { LinearProtocolOptions } from "./evaluation/linear.ts";
export type { Circumstances } from "./evaluation/on-features.ts";
export { type MeasureOptions, type MeasureSharing, type ProtocolReport, Stopped } from "./evaluation/protocol.ts";
export type { ProtocolName, Protocols } from "./evaluation/protocols.ts";
export type { RobustnessBaseline, RobustnessProtocolOptions, RobustnessReport } from "./evaluation/robustness.ts";
export type { TransferProtocolOptions, TransferReport } from "./evaluation/transfer.ts";
export type { UnlabelledReport } from "./evaluation/unlabelled.ts";
export { type EvaluateAllOptions, type EvaluatedAll, evaluateAll } from "./evaluations/all.ts";
export type { Evaluations, FoundEvaluation } from "./evaluations/kept.ts";
export {
  compareOutcomes,
  type OutcomeComparison,
  type Outcomes,
  outcomesOf,
  readOutcomes,
  writeOutcomes,
} from "./evaluations/outcomes.ts";
export type { Card, ExportFormat } from "./export/card.ts";
export { type Exported, type ExportOptions, exportBackbone } from "./export/export.ts";
export type { FormatOptions } from "./export/formats.ts";
export type { OnnxCheck } from "./export/onnx-check.ts";
export {
  type CatalogueEntry,
  type ImportOptions,
  type ImportReport,
  importWeights,
  type LoadTable,
  listCatalogue,
  type NormalizationName,
} from "./import.ts";
export type { ConfidenceCalibration } from "./labels/classifier.ts";
export { classifyPictures } from "./labels/classify.ts";
export type { Classified, ClassifiedPicture, ClassifyOptions } from "./labels/find.ts";
export { Model, openRun, type Picture } from "./model.ts";
export type { FeatureOptions, ReadingOptions, WorkOptions } from "./open-work.ts";
export type { NearPicture, OutlierOptions, Outliers, RankedPicture } from "./outliers/find.ts";
export { findOutliers } from "./outliers/outliers.ts";
export { type PageOptions, type WrittenPage, writePage } from "./page/page.ts";
export type { PictureOptions } from "./pictures.ts";
export {
  type PretrainOptions,
  type PretrainResult,
  pretrain,
  type ResumeOptions,
  type RunOptions,
  replay,
  resume,
} from "./pretrain.ts";
export type { Columns } from "./report/scores.ts";
export { type ReportOptions, type WrittenReport, writeReport } from "./report/write-report.ts";
export type { RepresentationOptions } from "./representation.ts";
export type { ResultOptions, Written, WrittenResults } from "./results/write-results.ts";
export { type ScoreOptions, type ScoreReport, scoreResults } from "./scoring/score.ts";
export { type SearchedPicture, type SearchOptions, type SearchResult, searchIndex } from "./search/search.ts";
export { type CarriedOut, undoSort, type Way } from "./sorting/carry-out.ts";
export type { Move, SortOptions, SortPlan } from "./sorting/plan.ts";
export { type GoOptions, type Sorted, sortPictures } from "./sorting/sort.ts";
export type { SpeedrunLook } from "./speedrun/clock.ts";
export type {
  SpeedrunHardware,
  SpeedrunOutcome,
  SpeedrunReport,
  SpeedrunResult,
  SpeedrunSeconds,
  SpeedrunTest,
  Spread,
} from "./speedrun/result.ts";
export { type SpeedrunData, type SpeedrunOptions, speedrun } from "./speedrun/speedrun.ts";
