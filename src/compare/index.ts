/** LAYER 6: methods and settings beside one another, trained and measured on equal terms. */
export type { CellFailure, CellResult, CellTraining, Correlation } from "./cell-files.ts";
export { type CollapseRow, collapsePlan, collapseRows, collapsingMethods } from "./collapse.ts";
export { collapseSheet, writeCollapse } from "./collapse-page.ts";
export { terminalText } from "./markdown.ts";
export { type Plan, type PlanInput, type PlanRow, parsePlan } from "./plan.ts";
export { describePlans, plans } from "./plans/index.ts";
export { type PublishedRow, type PublishedTable, type PublishedTableId, publishedTables } from "./published.ts";
export { firstFailure, type PlannedRow, type PlanProgress, type RunPlanOptions, runPlan } from "./runner.ts";
export { sheetsOf } from "./sheet.ts";
export { type ComparisonTable, comparisonTable, type Figure, type TableRow } from "./table.ts";
export { writeTable } from "./write-table.ts";
