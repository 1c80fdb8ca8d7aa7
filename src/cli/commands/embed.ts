import { basename, dirname } from "node:path";
import { type Dataset, openDataset, type Split } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { extractFeatures, type Features, type Representation } from "../../evaluate/index.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import { encodeSafetensors, type StoredTensors } from "../../weights/index.ts";
import { openRepresentation, type RepresentationOptions } from "../../work/representation.ts";

export interface EmbedOptions extends Pick<RepresentationOptions, "precision"> {
  out: string;
  split: Split;
  json?: true | undefined;
}

/** Beside the embeddings, as FILE.json: what the rows are. */
export interface EmbeddingNotes {
  representation: string;
  size: number;
  precision: string;
  data: string;
  split: Split;
  fingerprint: string;
  /** Name of each row's picture: its path below the folder, or its place in the dataset. */
  names: string[];
  classes: readonly string[] | null;
  badFiles: { name: string; reason: string }[];
}

/** `selfsight embed RUN_OR_WEIGHTS DATA --out FILE`: `embeddings` [N, D] float32, `labels` [N] int32 where there are any. */
export async function embed(source: string, data: string, options: EmbedOptions): Promise<void> {
  if (!options.out.endsWith(".safetensors")) throw wrongName(options.out);
  const dataset = await openDataset(data, { split: options.split });
  const representation = openRepresentation(source, dataset, options);
  try {
    const features = await extractFeatures(representation, dataset, {
      onBadFile: ({ reason }) => console.error(`warning: ${reason}`),
    });
    const notes = notesOn(representation, dataset, features, options.split);
    makeFolder(dirname(options.out));
    writeFileDurably(`${options.out}.json`, `${JSON.stringify(notes, null, 1)}\n`);
    writeFileDurably(options.out, encodeSafetensors(tensorsOf(features, representation)));
    const { length, dimensions } = features;
    const { names: _, ...facts } = notes;
    if (options.json) return console.log(JSON.stringify({ out: options.out, length, dimensions, ...facts }, null, 2));
    console.log(
      `wrote ${length} embeddings of ${dimensions} values to ${displayName(options.out)}, their names to ${displayName(basename(options.out))}.json`,
    );
  } finally {
    representation.free();
  }
}

const wrongName = (out: string) =>
  new SelfsightError(
    "configuration",
    `embed: --out ${displayName(out)}; a name that ends in .safetensors is needed; use ${displayName(out)}.safetensors`,
  );

function notesOn(representation: Representation, dataset: Dataset, features: Features, split: Split): EmbeddingNotes {
  const nameOf = (index: number) => (dataset.kind === "folder" ? dataset.files[index]!.label : String(index));
  return {
    representation: representation.name,
    size: representation.size,
    precision: representation.precision,
    data: dataset.name,
    split,
    fingerprint: dataset.fingerprint,
    names: Array.from(features.indices, nameOf),
    classes: dataset.classes ?? null,
    badFiles: features.badFiles.map(({ index, reason }) => ({ name: nameOf(index), reason })),
  };
}

function tensorsOf({ values, length, dimensions, labels }: Features, { name }: Representation): StoredTensors {
  const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array) =>
    new Uint8Array(buffer, byteOffset, byteLength);
  const tensors: StoredTensors["tensors"] = new Map([
    ["embeddings", { dtype: "F32", shape: [length, dimensions], bytes: bytesOf(values) }],
  ]);
  if (labels) tensors.set("labels", { dtype: "I32", shape: [length], bytes: bytesOf(labels) });
  return { tensors, metadata: { format: "pt", representation: name } };
}
