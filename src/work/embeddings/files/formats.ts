import { displayName, SelfsightError } from "../../../errors.ts";
import { jsonLinesRows } from "./json-lines.ts";
import { npyRows } from "./npy.ts";
import { parquetRows } from "./parquet.ts";
import type { RowFormat } from "./rows.ts";
import { safetensorsRows } from "./safetensors.ts";

const formats: readonly RowFormat[] = [safetensorsRows, npyRows, parquetRows, jsonLinesRows];

/** How a file of embeddings is written and read, by what its name ends in. Errors: configuration. */
export function formatOf(file: string): RowFormat {
  const format = formats.find(({ ending }) => file.endsWith(ending));
  if (format) return format;
  const shown = displayName(file);
  throw new SelfsightError(
    "configuration",
    `index: ${shown}; a name that ends in ${formats.map(({ ending }) => ending).join(", ")} is needed; use ${shown}.safetensors`,
  );
}
