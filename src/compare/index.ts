/** LAYER 6: methods and settings beside one another, trained and measured on equal terms. */

export { type PublishedRow, type PublishedTable, type PublishedTableId, publishedTables } from "../report/index.ts";
export {
  type CollapseRow,
  type CollapseRun,
  collapsePlan,
  collapseRows,
  collapsingMethods,
} from "./collapse/collapse.ts";
export { collapseSheet, writeCollapse } from "./collapse/page.ts";
export { type NeededSet, neededSets, withFoundSets } from "./plan/layouts.ts";
export type { Measurement } from "./plan/measurements.ts";
export { labelOf, type Plan, type PlanInput, type PlanRow, parsePlan, protocols } from "./plan/plan.ts";
export { describePlans, plans } from "./plan/shipped/index.ts";
export type { CellFailure, CellResult, CellTraining, Correlation } from "./runner/cell-files.ts";
export {
  firstFailure,
  type PlannedRow,
  type PlanProgress,
  type RanPlan,
  type RunPlanOptions,
  runPlan,
} from "./runner/runner.ts";
export { terminalText } from "./table/markdown.ts";
export { sheetsOf } from "./table/sheet.ts";
export { type ComparisonTable, comparisonTable, type Figure, type TableRow } from "./table/table.ts";
export { writeTable } from "./table/write-table.ts";
