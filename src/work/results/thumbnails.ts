import { type Dataset, onePass, subset } from "../../data/index.ts";
import { thumbnail } from "../../report/index.ts";
import { rawPictures } from "./raw-pictures.ts";

/** Larger side of a thumbnail in pixels. */
const side = 128;

/** Small pictures of the samples at `places` for a page, by place; what cannot be read is left out. */
export async function thumbnailsOf(dataset: Dataset, places: Iterable<number>): Promise<Map<number, string>> {
  const wanted = [...new Set(places)];
  const found = new Map<number, string>();
  if (wanted.length === 0) return found;
  const chosen = bearingAll(subset(dataset, wanted));
  for await (const { images, indices } of onePass(chosen, { batchSize: 64, decodeSize: side })) {
    const uris = await Promise.all(rawPictures({ images, indices }).map((picture) => thumbnail(picture, side)));
    for (const [i, index] of indices.entries()) found.set(wanted[index]!, uris[i]!);
  }
  return found;
}

/** A page is written whatever has become of the pictures since. */
export const bearingAll = (dataset: Dataset): Dataset =>
  dataset.kind === "array" ? dataset : { ...dataset, rules: { ...dataset.rules, maxBadShare: 1 } };
