// Labelled pictures as bank and queries: the train split and the test split, or a part held out where there is none.
import { resolve } from "node:path";
import { type Dataset, openDataset } from "../data/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { type ExtractOptions, extractFeatures, type Features } from "./features.ts";
import { splitFeatures } from "./hold-out.ts";
import type { Representation } from "./representation.ts";

export interface LabelledData {
  train: Dataset;
  /** Undefined where the data are not divided. */
  test?: Dataset;
}

/** Both splits, refused before any work where labels are missing; of each at most `limit` images. Errors: data. */
export async function openLabelled(data: string, options: { limit?: number } = {}): Promise<LabelledData> {
  const train = await openDataset(data, { ...options, split: "train" });
  refuseUnlabelled(train);
  const isUndivided = train.kind === "folder" && train.root === resolve(data);
  if (isUndivided) return { train };
  const test = await openDataset(data, { ...options, split: "test" });
  refuseUnlabelled(test);
  return { train, test };
}

function refuseUnlabelled({ name, labels, length, classes }: Dataset): void {
  const advice = "put the pictures of each class in a sub-folder of their own";
  if (!labels)
    throw new SelfsightError("data", `evaluate: ${displayName(name)} has no labels; accuracy needs them; ${advice}`);
  if (new Set(labels).size > 1) return;
  const only = displayName(classes?.[labels[0]!] ?? String(labels[0]));
  throw new SelfsightError(
    "data",
    `evaluate: all ${length} images of ${displayName(name)} are of one class (${only}); two or more are needed; ${advice}`,
  );
}

export interface BankAndQueries {
  bank: Features;
  queries: Features;
  /** What the protocol's name must add. */
  suffix: string;
}

export interface BankOptions {
  /** What `openLabelled` was limited to. */
  limit?: number;
  /** Of the hold-out. Default 0. */
  seed?: number;
  /** Told of progress and of bad files. */
  reading?: (dataset: Dataset) => ExtractOptions & { end?: () => void };
}

/** Train split as bank, test split as queries; a keyed fifth of each class where there is no test split. */
export async function bankAndQueries(
  representation: Representation,
  data: LabelledData,
  { limit, seed = 0, reading = () => ({}) }: BankOptions = {},
): Promise<BankAndQueries> {
  const featuresOf = async (dataset: Dataset) => {
    const { end, ...options } = reading(dataset);
    return extractFeatures(representation, dataset, options).finally(end);
  };
  const limited = limit === undefined ? "" : `, at most ${limit} images a split`;
  const train = await featuresOf(data.train);
  if (data.test) return { bank: train, queries: await featuresOf(data.test), suffix: limited };
  const parts = splitFeatures({ ...train, labels: train.labels! }, { share: 0.2, seed });
  if (parts.queries.length === 0) throw tooFew(train);
  return { ...parts, suffix: `${limited}, 20 % of the images held out with seed ${seed}` };
}

const tooFew = ({ dataset, length }: Features) =>
  new SelfsightError(
    "data",
    `evaluate: ${displayName(dataset)} has ${length} images and no class of two; one of each class is held out to measure on; add images, or divide the folder into train/ and test/`,
  );
