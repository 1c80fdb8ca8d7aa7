/** LAYER 5: networks trained and put to use. */
export { pretrainInProcess, resumeInProcess } from "./apart/pretrain.ts";
export { type CurveFiles, writeCurves } from "./curves/write-curves.ts";
export { createEmbedder, Embedder, type EmbedderOptions, type PictureStream } from "./embedder.ts";
export type { Embedded, EmbedOptions } from "./embeddings/embed.ts";
export { type EmbedFileOptions, embedToIndex } from "./embeddings/embed-folder.ts";
export type { IndexNotes } from "./embeddings/notes.ts";
export { type IndexParts, loadIndex, type Neighbour, PictureIndex } from "./embeddings/picture-index.ts";
export type { Shard } from "./embeddings/shards.ts";
export {
  type Circumstances,
  type EvaluateOptions,
  type EvaluationReport,
  evaluate,
  type MeasureOptions,
  type ProtocolName,
  type Protocols,
} from "./evaluate.ts";
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
export type { ReadingOptions, WorkOptions } from "./open-work.ts";
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
export { type SearchedPicture, type SearchOptions, type SearchResult, searchIndex } from "./search/search.ts";
export { type CarriedOut, undoSort, type Way } from "./sorting/carry-out.ts";
export type { Move, SortOptions, SortPlan } from "./sorting/plan.ts";
export { type GoOptions, type Sorted, sortPictures } from "./sorting/sort.ts";
