import { join } from "node:path";
import { writeFileDurably } from "../../files.ts";
import { markdownOf } from "./markdown.ts";
import { pageOf, sheetsAsHtml } from "./page.ts";
import { sheetsOf } from "./sheet.ts";
import type { ComparisonTable } from "./table.ts";

/** Writes table.json, table.md and table.html. Errors: storage. */
export function writeTable(folder: string, table: ComparisonTable): void {
  const sheets = sheetsOf(table);
  writeFileDurably(join(folder, "table.json"), `${JSON.stringify(table, null, 2)}\n`);
  writeFileDurably(join(folder, "table.md"), markdownOf(sheets));
  writeFileDurably(join(folder, "table.html"), pageOf(table.title, sheetsAsHtml(sheets)));
}
