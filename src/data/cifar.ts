// The binary layout of CIFAR (cs.toronto.edu/~kriz/cifar.html): records of label bytes, then 1024 red, green and blue.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { displayName, SelfsightError } from "../errors.ts";
import { type ImageArray, imageArray, type Split } from "./dataset.ts";

export interface CifarLayout {
  name: string;
  /** Bytes of label before the pixels; the last of them is the class (CIFAR-100 has the coarse class first). */
  labelBytes: number;
  files: Record<Split, readonly string[]>;
  classFile: string;
  classCount: number;
}

const pixelBytes = 3 * 32 * 32;

const cifarLayouts: readonly CifarLayout[] = [
  {
    name: "cifar10",
    labelBytes: 1,
    files: { train: [1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`), test: ["test_batch.bin"] },
    classFile: "batches.meta.txt",
    classCount: 10,
  },
  {
    name: "cifar100",
    labelBytes: 2,
    files: { train: ["train.bin"], test: ["test.bin"] },
    classFile: "fine_label_names.txt",
    classCount: 100,
  },
];

/** The CIFAR layout whose files are among `names`, or undefined. */
export const cifarLayoutOf = (names: ReadonlySet<string>): CifarLayout | undefined =>
  cifarLayouts.find(({ files }) => [...files.train, ...files.test].some((file) => names.has(file)));

/** Reads one split of a folder of CIFAR binary files: 3x32x32 pictures with labels. */
export async function readCifar(folder: string, layout: CifarLayout, split: Split): Promise<ImageArray> {
  const paths = layout.files[split].map((file) => join(folder, file));
  const files = await Promise.all(paths.map((path) => readWhole(path, layout)));
  const count = files.reduce((sum, { records }) => sum + records, 0);
  const pixels = new Uint8Array(count * pixelBytes); // [N, 3, 32, 32]
  const labels = new Int32Array(count); // [N]
  let place = 0;
  for (const file of files) {
    unpack(file, layout, pixels.subarray(place * pixelBytes), labels.subarray(place));
    place += file.records;
  }
  const classes = await readClassNames(join(folder, layout.classFile), layout.classCount);
  return imageArray({ name: layout.name, pixels, labels, classes, channels: 3, height: 32, width: 32 });
}

interface RecordFile {
  path: string;
  bytes: Uint8Array;
  records: number;
}

async function readWhole(path: string, layout: CifarLayout): Promise<RecordFile> {
  const bytes = await readFile(path).catch((cause) => {
    throw new SelfsightError("data", `reading ${layout.name}: ${displayName(path)} cannot be read (${cause.code}).`, {
      cause,
    });
  });
  const recordBytes = layout.labelBytes + pixelBytes;
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) throw cutFile(path, bytes.length, recordBytes);
  return { path, bytes, records: bytes.length / recordBytes };
}

/** Copies a file's records to the start of `pixels` and `labels`, each byte once: 150 MB are felt before the first step. */
function unpack(
  { path, bytes, records }: RecordFile,
  layout: CifarLayout,
  pixels: Uint8Array,
  labels: Int32Array,
): void {
  for (let i = 0; i < records; i++) {
    const start = i * (layout.labelBytes + pixelBytes) + layout.labelBytes;
    labels[i] = checkedLabel(bytes[start - 1]!, layout, path, i);
    pixels.set(bytes.subarray(start, start + pixelBytes), i * pixelBytes);
  }
}

function checkedLabel(label: number, layout: CifarLayout, file: string, record: number): number {
  if (label < layout.classCount) return label;
  throw new SelfsightError(
    "data",
    `reading ${layout.name}: record ${record} of ${displayName(file)} has label ${label}; labels go from 0 to ` +
      `${layout.classCount - 1}; the file is damaged or of another dataset, so fetch it again.`,
  );
}

function cutFile(file: string, found: number, recordBytes: number): SelfsightError {
  return new SelfsightError(
    "data",
    `reading CIFAR: ${displayName(file)} has ${found} bytes; whole records of ${recordBytes} bytes are needed; ` +
      "the file is cut off or of another kind, so fetch it again.",
  );
}

/** Names by line; the archive's own file may be missing, then the classes are called by their numbers. */
async function readClassNames(file: string, count: number): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const names = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return names.length === count ? names : Array.from({ length: count }, (_, label) => String(label));
}
