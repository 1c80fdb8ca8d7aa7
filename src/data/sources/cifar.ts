// The binary layout of CIFAR (cs.toronto.edu/~kriz/cifar.html): records of label bytes, then 1024 red, green and blue.
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { displayName, SelfsightError } from "../../errors.ts";
import { type ImageArray, imageArray, type StoredSplit } from "../dataset.ts";

export interface CifarLayout {
  name: string;
  /** Bytes of label before the pixels; the last of them is the class (CIFAR-100 has the coarse class first). */
  labelBytes: number;
  files: Record<StoredSplit, readonly string[]>;
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

/**
 * Reads one split of a folder of CIFAR binary files: 3x32x32 pictures with labels.
 *
 * The records are moved together where they were read: another 150 MB of fresh memory is felt before the first step.
 */
export async function readCifar(folder: string, layout: CifarLayout, split: StoredSplit): Promise<ImageArray> {
  const files = await recordFiles(folder, layout, split);
  const block = new Uint8Array(files.reduce((sum, { byteLength }) => sum + byteLength, 0));
  await Promise.all(files.map((file) => readInto(block, file)));
  const labels = labelsOf(block, files, layout); // [N]
  const pixels = withoutLabels(block, layout); // [N, 3, 32, 32]
  const classes = await readClassNames(join(folder, layout.classFile), layout.classCount);
  return imageArray({ name: layout.name, pixels, labels, classes, channels: 3, height: 32, width: 32 });
}

interface RecordFile {
  path: string;
  byteLength: number;
  /** Its place in the block of all files. */
  start: number;
}

const recordBytes = ({ labelBytes }: CifarLayout): number => labelBytes + pixelBytes;

async function recordFiles(folder: string, layout: CifarLayout, split: StoredSplit): Promise<RecordFile[]> {
  const paths = layout.files[split].map((file) => join(folder, file));
  const sizes = await Promise.all(paths.map((path) => wholeRecords(path, layout)));
  return sizes.map((byteLength, place) => ({
    path: paths[place]!,
    byteLength,
    start: sizes.slice(0, place).reduce((sum, size) => sum + size, 0),
  }));
}

async function wholeRecords(path: string, layout: CifarLayout): Promise<number> {
  const { size } = await stat(path).catch((cause) => unreadable(path, cause));
  if (size === 0 || size % recordBytes(layout) !== 0)
    throw cutFile(path, size, `whole records of ${recordBytes(layout)} bytes`);
  return size;
}

async function readInto(block: Uint8Array, { path, byteLength, start }: RecordFile): Promise<void> {
  const file = await open(path).catch((cause) => unreadable(path, cause));
  try {
    for (let done = 0; done < byteLength; ) {
      const { bytesRead } = await file
        .read(block, start + done, byteLength - done, done)
        .catch((cause) => unreadable(path, cause));
      if (bytesRead === 0) throw cutFile(path, done, `the ${byteLength} bytes that it had a moment ago`);
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function labelsOf(block: Uint8Array, files: readonly RecordFile[], layout: CifarLayout): Int32Array {
  const size = recordBytes(layout);
  const labels = Int32Array.from({ length: block.length / size }, (_, i) => block[i * size + layout.labelBytes - 1]!);
  const wrong = labels.findIndex((label) => label >= layout.classCount);
  if (wrong >= 0) throw wrongLabel(labels[wrong]!, wrong * size, files, layout);
  return labels;
}

/** Moves the pixels of each record up to those before, in place. */
function withoutLabels(block: Uint8Array, layout: CifarLayout): Uint8Array {
  const records = block.length / recordBytes(layout);
  for (let i = 0; i < records; i++) {
    const start = i * recordBytes(layout) + layout.labelBytes;
    block.copyWithin(i * pixelBytes, start, start + pixelBytes);
  }
  return block.subarray(0, records * pixelBytes);
}

function wrongLabel(label: number, place: number, files: readonly RecordFile[], layout: CifarLayout): SelfsightError {
  const file = files.findLast(({ start }) => start <= place)!;
  return new SelfsightError(
    "data",
    `reading ${layout.name}: record ${(place - file.start) / recordBytes(layout)} of ${displayName(file.path)} has label ${label}; ` +
      `labels go from 0 to ${layout.classCount - 1}; the file is damaged or of another dataset, so fetch it again.`,
  );
}

function unreadable(path: string, cause: NodeJS.ErrnoException): never {
  throw new SelfsightError("data", `reading CIFAR: ${displayName(path)} cannot be read (${cause.code}).`, { cause });
}

function cutFile(file: string, found: number, needed: string): SelfsightError {
  return new SelfsightError(
    "data",
    `reading CIFAR: ${displayName(file)} has ${found} bytes; ${needed} are needed; ` +
      "the file is cut off or of another kind, so fetch it again.",
  );
}

/** Names by line; the archive's own file may be missing, then the classes are called by their numbers. */
async function readClassNames(file: string, count: number): Promise<string[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const names = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return names.length === count ? names : Array.from({ length: count }, (_, label) => String(label));
}
