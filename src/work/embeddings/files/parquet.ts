// Columns `path`, `class` and `embedding` in groups of rows. N rows, D features
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { classOf, eachRow, type ReadRows, type RowFormat } from "./rows.ts";

/** Rows that are written together, and read together. */
const groupRows = 1024;

const schema = [
  { name: "root", num_children: 3 },
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
  { name: "class", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
  { name: "embedding", repetition_type: "REQUIRED", converted_type: "LIST", num_children: 1 },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
] as const;

/** `path` text, `class` text or null, `embedding` a list of D floats: for pandas, Polars, DuckDB and Arrow. */
export const parquetRows: RowFormat = {
  ending: ".parquet",
  *write(rows) {
    const writer = new ByteWriter();
    const file = new ParquetWriter({ writer, schema: [...schema], createdBy: "selfsight" });
    const group = { path: [] as string[], class: [] as (string | null)[], embedding: [] as number[][] };
    const written = () => {
      const bytes = writer.getBytes().slice();
      writer.index = 0;
      return bytes;
    };
    const flush = () => {
      const columnData = Object.entries(group).map(([name, data]) => ({ name, data: data.splice(0) }));
      file.write({ columnData, rowGroupSize: groupRows });
      return written();
    };
    for (const [row, values] of eachRow(rows)) {
      group.path.push(rows.notes.names[row]!);
      group.class.push(classOf(rows, row));
      group.embedding.push(Array.from(values));
      if (group.path.length === groupRows) yield flush();
    }
    if (group.path.length > 0) yield flush();
    file.finish();
    yield written();
  },
  async read(path): Promise<ReadRows> {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const length = Number(metadata.num_rows);
    let [features, dimensions] = [new Float32Array(), 0];
    for (let rowStart = 0; rowStart < length; rowStart += groupRows) {
      const rowEnd = Math.min(length, rowStart + groupRows);
      const read = await parquetReadObjects({ file, metadata, columns: ["embedding"], rowStart, rowEnd });
      for (const [i, { embedding }] of (read as { embedding: number[] }[]).entries()) {
        if (rowStart + i === 0) {
          dimensions = embedding.length;
          features = new Float32Array(length * dimensions);
        }
        if (embedding.length !== dimensions)
          throw new Error(`row ${rowStart + i} has ${embedding.length} numbers, the first one ${dimensions}`);
        features.set(embedding, (rowStart + i) * dimensions);
      }
    }
    return { features, dimensions };
  },
};
