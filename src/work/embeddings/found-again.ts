import { join } from "node:path";
import {
  bytesOfName,
  type Dataset,
  defaultRules,
  type ImageFolder,
  openDataset,
  type ReadingRules,
} from "../../data/index.ts";
import type { IndexNotes } from "./notes.ts";

/** Pictures of an index, and the place of each of its rows among them. */
export interface FoundPictures {
  dataset: Dataset;
  /** -1 where it is no longer among them. */
  placeOf(row: number): number;
}

/** Opens the pictures of some rows of an index, where they still lie; undefined where nobody knows where that is. Errors: data. */
export async function picturesOfIndex(
  { from, names, data }: IndexNotes,
  rows: readonly number[],
  rules: ReadingRules = defaultRules,
): Promise<FoundPictures | undefined> {
  if (from === null) return undefined;
  if (!("folder" in from)) {
    const { data: source, split, limit } = from;
    const dataset = await openDataset(source, { split, ...(limit !== undefined && { limit }) });
    return { dataset, placeOf: (row) => placeNamed(dataset, names[row]!) };
  }
  const wanted = [...new Set(rows)];
  const places = new Map(wanted.map((row, place) => [row, place]));
  return {
    dataset: folderOf(
      from.folder,
      data,
      wanted.map((row) => names[row]!),
      rules,
    ),
    placeOf: (row) => places.get(row)!,
  };
}

/** Of a member of an archive, or of an array's sample, which is called by its place. */
const placeNamed = (dataset: Dataset, name: string): number =>
  dataset.kind === "array" ? Number(name) : Array.from(dataset.files, ({ label }) => label).indexOf(name);

/** The named files of a folder, whether they are there or not. */
function folderOf(root: string, name: string, names: readonly string[], rules: ReadingRules): ImageFolder {
  const files = names.map((label) => ({
    path: Buffer.concat([Buffer.from(join(root, "/")), bytesOfName(label)]),
    label,
    bytes: 0,
    modifiedSeconds: 0,
  }));
  return { kind: "folder", name, length: files.length, root, files, fingerprint: "", skipped: [], rules };
}
