import { createHash } from "node:crypto";
import { type Dataset, decodeImage, type ImageFolder, readPicture } from "../../data/index.ts";

/** What of each sample is equal where the samples are: files of equal bytes, or equal pixels of an array. */
export async function equalBytes(dataset: Dataset, indices: Iterable<number>): Promise<number[][]> {
  const [wanted, sizes] = [[...indices], new Map<number, number>()];
  if (dataset.kind === "array") {
    const bytes = dataset.pixels.length / dataset.length;
    return gathered(
      wanted.map((index) => [digest(dataset.pixels.subarray(index * bytes, (index + 1) * bytes)), index]),
    );
  }
  for (const index of wanted)
    sizes.set(dataset.files.at(index)!.bytes, (sizes.get(dataset.files.at(index)!.bytes) ?? 0) + 1);
  const alike = wanted.filter((index) => sizes.get(dataset.files.at(index)!.bytes)! > 1); // another size, other bytes
  return gathered(await digests(alike, async (index) => digest(await readPicture(dataset.files.at(index)!))));
}

/** Which of these pictures are equal in every pixel, whatever their files. */
export async function equalPixels(folder: ImageFolder, indices: readonly number[]): Promise<number[][]> {
  const { range, bands } = folder.rules;
  const pixels = async (index: number) => {
    const { width, height, pixels } = await decodeImage(folder.files.at(index)!, { range, bands });
    return `${width}x${height} ${digest(pixels)}`;
  };
  return gathered(await digests(indices, pixels));
}

/** Files that are read side by side. */
const atOnce = 8;

/** What could be read, with its digest; what vanished meanwhile is equal to nothing. */
async function digests(
  indices: readonly number[],
  digestAt: (index: number) => Promise<string>,
): Promise<[string, number][]> {
  const found: [string, number][] = [];
  for (let start = 0; start < indices.length; start += atOnce) {
    const some = indices.slice(start, start + atOnce);
    const read = await Promise.all(some.map((index) => digestAt(index).catch(() => undefined)));
    for (const [i, own] of read.entries()) if (own !== undefined) found.push([own, some[i]!]);
  }
  return found;
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Those under one key, where there are two or more. */
function gathered(entries: readonly (readonly [key: string, index: number])[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [key, index] of entries) groups.set(key, [...(groups.get(key) ?? []), index]);
  return [...groups.values()].filter(({ length }) => length > 1);
}
