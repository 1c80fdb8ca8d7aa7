// The IDX layout of MNIST and its relatives: a magic number 0x0000_08_RANK (08: unsigned bytes), big-endian sizes, data.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { displayName, SelfsightError } from "../../errors.ts";
import { type ImageArray, imageArray, type StoredSplit } from "../dataset.ts";

/** A block of bytes with its sizes. */
export interface IdxBlock {
  sizes: number[];
  data: Uint8Array;
}

/** Unpacked IDX files above this are refused, so that a small damaged or hostile .gz cannot fill the memory. */
const maximumBytes = 2 ** 31;

const prefixes: Record<StoredSplit, readonly string[]> = { train: ["train"], test: ["t10k", "test"] };

const fashionClasses = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",");

/** Whether a folder with these names holds IDX pictures of some split. */
export const hasIdx = (names: ReadonlySet<string>): boolean =>
  (["train", "test"] as const).some((split) => idxFile(names, split, "images") !== undefined);

/** Reads one split of a folder of IDX files, plain or gzip: single-channel pictures, with labels where their file lies beside. */
export async function readIdxFolder(folder: string, name: string, split: StoredSplit): Promise<ImageArray> {
  const names = new Set(await readdir(folder));
  const imageFile = idxFile(names, split, "images");
  if (imageFile === undefined) throw missingSplit(folder, split);
  const images = await readIdx(join(folder, imageFile), 3);
  const [count, height, width] = images.sizes as [number, number, number];
  const labelFile = idxFile(names, split, "labels");
  const labels = labelFile === undefined ? undefined : await readLabels(join(folder, labelFile), count);
  return imageArray({ name, pixels: images.data, channels: 1, height, width, ...labels, ...classNames(name, labels) });
}

/** Reads one IDX file of unsigned bytes, plain or gzip, and checks that it has `rank` sizes and every byte they promise. */
export async function readIdx(file: string, rank: number): Promise<IdxBlock> {
  const bytes = await readUnpacked(file);
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) throw cutFile(file, bytes.length, headerBytes);
  if (bytes.readUInt32BE(0) !== 0x0800 + rank) throw wrongMagic(file, bytes.readUInt32BE(0), rank);
  const sizes = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const dataBytes = sizes.reduce((product, size) => product * size, 1);
  if (bytes.length !== headerBytes + dataBytes) throw cutFile(file, bytes.length, headerBytes + dataBytes, sizes);
  return { sizes, data: new Uint8Array(bytes.subarray(headerBytes)) };
}

function idxFile(names: ReadonlySet<string>, split: StoredSplit, what: "images" | "labels"): string | undefined {
  const rank = what === "images" ? 3 : 1;
  const stems = prefixes[split].flatMap((prefix) => ["-", "."].map((dot) => `${prefix}-${what}${dot}idx${rank}-ubyte`));
  return stems.flatMap((stem) => [stem, `${stem}.gz`]).find((name) => names.has(name));
}

async function readUnpacked(file: string): Promise<Buffer> {
  try {
    const bytes = await readFile(file);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return isGzip ? await promisify(gunzip)(bytes, { maxOutputLength: maximumBytes }) : bytes;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SelfsightError("data", `reading IDX: ${displayName(file)} cannot be unpacked (${reason}).`, { cause });
  }
}

async function readLabels(file: string, count: number): Promise<{ labels: Int32Array }> {
  const { sizes, data } = await readIdx(file, 1);
  if (sizes[0] === count) return { labels: Int32Array.from(data) };
  throw new SelfsightError(
    "data",
    `reading IDX: ${displayName(file)} has ${sizes[0]} labels, its picture file ${count} pictures; the two do not belong ` +
      "together, so fetch both again.",
  );
}

function classNames(name: string, labelled: { labels: Int32Array } | undefined): { classes?: readonly string[] } {
  if (labelled === undefined) return {};
  if (name === "fashion-mnist") return { classes: fashionClasses };
  const count = labelled.labels.reduce((most, label) => Math.max(most, label + 1), 0);
  return { classes: Array.from({ length: count }, (_, label) => String(label)) };
}

function missingSplit(folder: string, split: StoredSplit): SelfsightError {
  const wanted = prefixes[split].map((prefix) => `${prefix}-images-idx3-ubyte`).join(" or ");
  return new SelfsightError(
    "data",
    `opening ${displayName(folder)}: it has no ${split} split; ${wanted} (.gz or plain) is needed beside the other files.`,
  );
}

function wrongMagic(file: string, found: number, rank: number): SelfsightError {
  const hex = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
  return new SelfsightError(
    "data",
    `reading IDX: ${displayName(file)} begins with ${hex(found)}; ${hex(0x0800 + rank)} (unsigned bytes with ${rank} ` +
      "sizes) is needed; the file is damaged or of another kind.",
  );
}

function cutFile(file: string, found: number, needed: number, sizes: number[] = []): SelfsightError {
  const promised = sizes.length > 0 ? ` for the sizes ${sizes.join("x")} of its header` : "";
  return new SelfsightError(
    "data",
    `reading IDX: ${displayName(file)} has ${found} bytes unpacked; ${needed} are needed${promised}; fetch it again.`,
  );
}
