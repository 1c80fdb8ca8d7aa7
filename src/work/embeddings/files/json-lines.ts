// One line of JSON a picture. D features
import { z } from "zod";
import { readRegularFile } from "../../../files.ts";
import { classOf, eachRow, type RowFormat } from "./rows.ts";

const line = z.object({ path: z.string(), class: z.string().nullable(), embedding: z.array(z.number()) });

/** Nine digits say a float32 to the bit. */
const numberText = (value: number): string => String(Number(value.toPrecision(9)));

/** `{"path": "a/b.jpg", "class": "a" or null, "embedding": [D numbers]}` in each line. */
export const jsonLinesRows: RowFormat = {
  ending: ".jsonl",
  *write(rows) {
    for (const [row, values] of eachRow(rows)) {
      const start = JSON.stringify({ path: rows.notes.names[row]!, class: classOf(rows, row) });
      yield Buffer.from(`${start.slice(0, -1)},"embedding":[${Array.from(values, numberText).join(",")}]}\n`);
    }
  },
  read(file) {
    const bytes = readRegularFile(file);
    let [features, dimensions, row] = [new Float32Array(), 0, 0];
    for (let start = 0; start < bytes.length; row++) {
      const newline = bytes.indexOf(10, start);
      const end = newline < 0 ? bytes.length : newline;
      const { embedding } = line.parse(JSON.parse(bytes.toString("utf8", start, end)));
      if (row === 0) dimensions = embedding.length;
      if (embedding.length !== dimensions)
        throw new Error(`line ${row + 1} has ${embedding.length} numbers, the first one ${dimensions}`);
      if ((row + 1) * dimensions > features.length) features = grown(features, (row + 1) * dimensions);
      features.set(embedding, row * dimensions);
      start = end + 1;
    }
    return { features: features.slice(0, row * dimensions), dimensions };
  },
};

function grown(values: Float32Array, least: number): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(Math.max(least, 2 * values.length));
  larger.set(values);
  return larger;
}
