// N pictures, D features
import { dirname } from "node:path";
import { z } from "zod";
import { CallError, displayName, SelfsightError } from "../errors.ts";
import { makeFolder, readRegularFile, writeFileDurably } from "../files.ts";
import { encodeSafetensors, readSafetensors, type StoredTensor, type StoredTensors } from "../weights/index.ts";

const notesSchema = z.object({
  representation: z.string(),
  size: z.number(),
  precision: z.string(),
  data: z.string(),
  split: z.enum(["train", "test", "val", "all"]),
  fingerprint: z.string(),
  names: z.array(z.string()),
  classes: z.array(z.string()).readonly().nullable(),
  badFiles: z.array(z.object({ name: z.string(), reason: z.string() })),
});

/** What the rows of an index are: which network made them, of which pictures. `names` are paths below the folder (see `nameOfBytes`), or places in the dataset. */
export interface IndexNotes extends z.infer<typeof notesSchema> {}

/** A picture of an index beside a vector. */
export interface Neighbour {
  name: string;
  /** Its row in the index. */
  row: number;
  /** Cosine similarity, -1 to 1. */
  similarity: number;
}

export interface IndexParts {
  features: Float32Array; // [N, D]
  dimensions: number;
  labels?: Int32Array | undefined; // [N]
  notes: IndexNotes;
}

/** The features of many pictures and their names: to look pictures up in, to keep in a file, to compute with. Needs no libtorch. */
export class PictureIndex {
  /** [N, D], row by row. */
  readonly features: Float32Array;
  readonly dimensions: number;
  /** The class of each picture [N], where there are classes; `notes.classes` names them. */
  readonly labels: Int32Array | undefined;
  readonly notes: IndexNotes;
  #norms: Float32Array | undefined; // [N]

  constructor({ features, dimensions, labels, notes }: IndexParts) {
    this.features = features;
    this.dimensions = dimensions;
    this.labels = labels;
    this.notes = notes;
  }

  /** How many pictures there are. */
  get length(): number {
    return this.notes.names.length;
  }

  /** Of each picture, in the order of the features. */
  get names(): readonly string[] {
    return this.notes.names;
  }

  /** The features of the picture in a row [D]. */
  vector(row: number): Float32Array {
    return this.features.subarray(row * this.dimensions, (row + 1) * this.dimensions);
  }

  /**
   * The `count` pictures whose features point most nearly the way of `vector` [D], nearest first; fewer of a smaller index.
   * Some 30 milliseconds for 60,000 pictures of 512 features.
   *
   * @throws CallError when the vector has another length or no direction, or `count` is no whole number from 1.
   */
  nearest(vector: ArrayLike<number>, count = 10): Neighbour[] {
    if (vector.length !== this.dimensions) throw otherLength(vector.length, this.dimensions);
    if (!Number.isInteger(count) || count < 1)
      throw new CallError(`nearest: count ${count}; a whole number from 1 is needed; leave it out for 10`);
    if (!Number.isFinite(lengthOf(vector)))
      throw new CallError(
        "nearest: a vector with values that are not finite; numbers are needed; embed the picture again",
      );
    this.#norms ??= Float32Array.from(this.names, (_, row) => lengthOf(this.vector(row)));
    const length = lengthOf(vector);
    const similarities = Float32Array.from(
      this.#norms,
      (norm, row) => dot(this.vector(row), vector) / Math.max(norm * length, 1e-12),
    );
    const rows = Array.from(similarities.keys()).sort((a, b) => similarities[b]! - similarities[a]!);
    return rows.slice(0, count).map((row) => ({ name: this.names[row]!, row, similarity: similarities[row]! }));
  }

  /** Writes what `selfsight embed` writes: FILE.safetensors (`embeddings`, `labels`), and FILE.safetensors.json with the notes. */
  save(file: string): void {
    refuseOtherName(file);
    makeFolder(dirname(file));
    writeFileDurably(notesPath(file), `${JSON.stringify(this.notes, null, 1)}\n`);
    writeFileDurably(file, encodeSafetensors(tensorsOf(this)));
  }
}

const notesPath = (file: string): string => `${file}.json`;

/** Errors: configuration, when the name of an index's file does not end in .safetensors. */
export function refuseOtherName(file: string): void {
  if (file.endsWith(".safetensors")) return;
  throw new SelfsightError(
    "configuration",
    `save index: ${displayName(file)}; a name that ends in .safetensors is needed; use ${displayName(file)}.safetensors`,
  );
}

function tensorsOf({ features, labels, dimensions, length, notes }: PictureIndex): StoredTensors {
  const tensors: StoredTensors["tensors"] = new Map([
    ["embeddings", { dtype: "F32", shape: [length, dimensions], bytes: bytesOf(features) }],
  ]);
  if (labels) tensors.set("labels", { dtype: "I32", shape: [length], bytes: bytesOf(labels) });
  return { tensors, metadata: { format: "pt", representation: notes.representation } };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Reads what `save` and `selfsight embed` wrote. Errors: checkpoint, when a file is damaged or the two do not belong together. */
export function loadIndex(file: string): PictureIndex {
  const { tensors } = readSafetensors(file);
  const notes = readNotes(file);
  const embeddings = tensors.get("embeddings");
  const [length, dimensions] = embeddings?.shape ?? [];
  if (embeddings?.dtype !== "F32" || length === undefined || dimensions === undefined)
    throw unfit(file, "it has no float32 embeddings [N, D]");
  if (length !== notes.names.length) throw unfit(file, `${length} embeddings and ${notes.names.length} names`);
  const labels = tensors.get("labels");
  return new PictureIndex({
    features: new Float32Array(copyOf(embeddings)),
    dimensions,
    labels: labels?.dtype === "I32" && labels.shape[0] === length ? new Int32Array(copyOf(labels)) : undefined,
    notes,
  });
}

/** The file's bytes may lie on any boundary. */
const copyOf = ({ bytes }: StoredTensor): ArrayBuffer => new Uint8Array(bytes).buffer;

function readNotes(file: string): IndexNotes {
  try {
    return notesSchema.parse(JSON.parse(readRegularFile(notesPath(file)).toString("utf8")));
  } catch (cause) {
    const reason =
      cause instanceof z.ZodError ? `${cause.issues[0]!.path.join(".")} is missing or wrong` : String(cause);
    throw unfit(file, `${displayName(notesPath(file))}: ${reason}`, cause);
  }
}

const unfit = (file: string, found: string, cause?: unknown) =>
  new SelfsightError(
    "checkpoint",
    `load index ${displayName(file)}: ${found}; the two files that \`selfsight embed\` writes are needed; keep them side by side, or write them again`,
    { cause },
  );

const otherLength = (found: number, needed: number) =>
  new CallError(
    `nearest: a vector of ${found} values, an index of ${needed}; both must come from one network; embed the picture with the network of the index`,
  );

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const lengthOf = (vector: ArrayLike<number>): number => Math.sqrt(dot(vector, vector));
