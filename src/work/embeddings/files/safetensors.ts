// N rows, D features
import { encodeSafetensorsHeader, readSafetensors, type StoredTensor } from "../../../weights/index.ts";
import { bytesOf, type RowFormat, type RowsToWrite } from "./rows.ts";

/** `embeddings` [N, D] float32, and `labels` [N] int32 where there are classes. */
export const safetensorsRows: RowFormat = {
  ending: ".safetensors",
  *write(rows: RowsToWrite) {
    const { length, dimensions, labels, notes } = rows;
    const described = [
      { name: "embeddings", dtype: "F32" as const, shape: [length, dimensions] },
      ...(labels ? [{ name: "labels", dtype: "I32" as const, shape: [length] }] : []),
    ];
    yield* encodeSafetensorsHeader(described, { format: "pt", representation: notes.representation });
    for (const chunk of rows.chunks()) yield bytesOf(chunk);
    if (labels) yield bytesOf(labels);
  },
  read(file) {
    const { tensors } = readSafetensors(file);
    const embeddings = tensors.get("embeddings");
    const [length, dimensions] = embeddings?.shape ?? [];
    if (embeddings?.dtype !== "F32" || length === undefined || dimensions === undefined)
      throw new Error("it has no float32 embeddings [N, D]");
    const labels = tensors.get("labels");
    return {
      features: new Float32Array(copyOf(embeddings)),
      dimensions,
      labels: labels?.dtype === "I32" && labels.shape[0] === length ? new Int32Array(copyOf(labels)) : undefined,
    };
  },
};

/** The file's bytes may lie on any boundary. */
const copyOf = ({ bytes }: StoredTensor): ArrayBuffer => new Uint8Array(bytes).buffer;
