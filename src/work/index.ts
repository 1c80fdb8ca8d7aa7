/** LAYER 5: networks trained and put to use. */
export { pretrainInProcess, resumeInProcess } from "./apart/pretrain.ts";
export type { EmbedOptions } from "./embed.ts";
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
export { Model, openRun, type Picture } from "./model.ts";
export { type IndexNotes, type IndexParts, loadIndex, type Neighbour, PictureIndex } from "./picture-index.ts";
export {
  type PretrainOptions,
  type PretrainResult,
  pretrain,
  type ResumeOptions,
  type RunOptions,
  resume,
} from "./pretrain.ts";
export type { Columns } from "./report/scores.ts";
export { type ReportOptions, type WrittenReport, writeReport } from "./report/write-report.ts";
export type { RepresentationOptions } from "./representation.ts";
