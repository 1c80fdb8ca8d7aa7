// N pictures, D features
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
import { type ExtractOptions, extractFeatures, type Features, type Representation } from "../evaluate/index.ts";
import { type IndexNotes, PictureIndex } from "./picture-index.ts";
import { warnThroughNode } from "./warnings.ts";

export interface EmbedOptions extends ExtractOptions {
  /** The part of the data, where they have parts. Default "train"; a folder that is not divided is taken whole. */
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
  { split = "train", limit, rules, warn = warnThroughNode }: EmbedOptions,
): Promise<OpenedPictures> {
  if (!isCollection(data) && statSync(data, { throwIfNoEntry: false })?.isFile())
    return { dataset: await openImageFile(data, rules), split: "all" };
  const dataset = await openDataset(data, { split, rules, ...(limit !== undefined && { limit }) });
  warnOfSkipped([dataset], warn);
  const isWhole = dataset.kind === "folder" && dataset.root === resolve(data);
  return { dataset, split: isWhole ? "all" : split };
}

/** The features of every picture with their names; files that cannot be read are left out and listed. Errors: data, numerics. */
export async function embedPictures(
  representation: Representation,
  { dataset, split }: OpenedPictures,
  options: ExtractOptions = {},
): Promise<PictureIndex> {
  const features = await extractFeatures(representation, dataset, options);
  const { values, dimensions, labels } = features;
  return new PictureIndex({
    features: values,
    dimensions,
    labels,
    notes: notesOn(representation, dataset, features, split),
  });
}

function notesOn(representation: Representation, dataset: Dataset, features: Features, split: Split): IndexNotes {
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
    badFiles: features.badFiles.map(({ name, reason }) => ({ name, reason })),
  };
}
