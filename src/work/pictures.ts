import { statSync } from "node:fs";
import { resolve } from "node:path";
import {
  type Dataset,
  isCollection,
  openDataset,
  openImageFile,
  type ReadingRules,
  type Split,
  warnOfSkipped,
} from "../data/index.ts";
import { warnThroughNode } from "./warnings.ts";

/** Which pictures, and how they are read. */
export interface PictureOptions {
  /** The part of the data, where they have parts; a folder that is not divided is taken whole. */
  split?: Split | undefined;
  /** At most so many pictures: a fixed random choice. Default all. */
  limit?: number | undefined;
  /** How files are read. Default: as the network's run read them. */
  rules?: Partial<ReadingRules> | undefined;
  /** Told what lies in the folder and is not read. Default: Node's warnings. */
  warn?: ((message: string) => void) | undefined;
}

/** Pictures that are open, and which part of their data they are. */
export interface OpenedPictures {
  dataset: Dataset;
  split: Split;
}

/** Opens what is to be embedded: a picture file, a folder, or a known name. Errors: data. */
export async function openPictures(
  data: string,
  { split = "train", limit, rules, warn = warnThroughNode }: PictureOptions,
): Promise<OpenedPictures> {
  if (!isCollection(data) && statSync(data, { throwIfNoEntry: false })?.isFile())
    return { dataset: await openImageFile(data, rules), split: "all" };
  const dataset = await openDataset(data, { split, rules, ...(limit !== undefined && { limit }) });
  warnOfSkipped([dataset], warn);
  const isWhole = dataset.kind === "folder" && dataset.root === resolve(data);
  return { dataset, split: isWhole ? "all" : split };
}

/** What a picture is called in what is written: its path below the folder, or its place in the dataset. */
export const pictureName = (dataset: Dataset, index: number): string =>
  dataset.kind === "folder" ? dataset.files.at(index)!.label : String(index);
