// Labelled pictures as bank and queries: the train split and the test split, or a part held out where there is none.
import { basename, resolve } from "node:path";
import { type Dataset, type OpenOptions, openDataset, type Split, subset } from "../data/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { type ExtractOptions, extractFeatures, type Features } from "./features.ts";
import { splitFeatures, stratifiedHoldOut } from "./hold-out.ts";
import type { Representation } from "./representation.ts";

export interface LabelledData {
  train: Dataset;
  /** Undefined where the data are not divided. */
  test?: Dataset;
  /** What measures, where it is not the test split: the protocol's name says it. */
  split?: Split;
  /** Why another part is measured on than was asked for. */
  note?: string;
}

export interface LabelledOptions {
  /** At most so many images of each split. Default all. */
  limit?: number;
  /**
   * What is measured on: `test` or `val` against the train split as bank; of `train` or `all` a part is held out. Default "test";
   * where that has no labels "val", and where that has none either "train".
   */
  split?: Split;
  /** How files are read. Default as `openDataset` has it. */
  rules?: OpenOptions["rules"];
}

/** Bank and queries, refused before any work where labels are missing. Errors: data. */
export async function openLabelled(
  data: string,
  { split: asked, ...options }: LabelledOptions = {},
): Promise<LabelledData> {
  const bank = await openDataset(data, { ...options, split: asked === "all" ? "all" : "train" });
  refuseUnlabelled(bank);
  const { split, note } = asked ? { split: asked, note: undefined } : partToMeasureOn(bank);
  const found = { train: bank, ...(split !== "test" && { split }), ...(note !== undefined && { note }) };
  const isUndivided = bank.kind === "folder" && bank.root === resolve(data);
  if (split === "train" || split === "all") return found;
  if (isUndivided && split === "test") return found;
  const test = await openDataset(data, { ...options, split });
  refuseUnlabelled(test);
  return { ...found, test };
}

/** The test split, unless it has no labels: then the val split, or a part of the train split. */
function partToMeasureOn(bank: Dataset): { split: Split; note?: string } {
  const { train, test, val } = (bank.kind === "folder" && bank.division) || {};
  const part = test ?? val;
  if (!part || part.isLabelled) return { split: "test" };
  const bare = `${displayName(part.name)}/ of ${displayName(bank.name)} has no labels`;
  if (test && val?.isLabelled) return { split: "val", note: `${bare}: ${displayName(val.name)}/ is measured on` };
  return {
    split: "train",
    note: `${bare}: a fifth of each class of ${displayName(train!.name)}/ is held out to measure on`,
  };
}

function refuseUnlabelled(dataset: Dataset): void {
  const { labels, length, classes } = dataset;
  const name =
    dataset.kind === "folder" && dataset.division ? `${dataset.name}/${basename(dataset.root)}` : dataset.name;
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

/** Nobody is told anything. */
export const noReading: NonNullable<BankOptions["reading"]> = () => ({});

/** Train split as bank, test split as queries; a keyed fifth of each class where there is no test split. */
export async function bankAndQueries(
  representation: Representation,
  data: LabelledData,
  { limit, seed = 0, reading = noReading }: BankOptions = {},
): Promise<BankAndQueries> {
  const featuresOf = async (dataset: Dataset) => {
    const { end, ...options } = reading(dataset);
    return extractFeatures(representation, dataset, options).finally(end);
  };
  const suffix = suffixOf(data, { limit, seed });
  const train = await featuresOf(data.train);
  if (data.test) return { bank: train, queries: await featuresOf(data.test), suffix };
  const parts = splitFeatures({ ...train, labels: train.labels! }, { share: 0.2, seed });
  if (parts.queries.length === 0) throw tooFew(train);
  return { ...parts, suffix };
}

/** The same for what sees pictures: the train split and the test split, or a keyed fifth of each class held out. Errors: data. */
export function trainAndTest(data: LabelledData, { limit, seed = 0 }: Omit<BankOptions, "reading"> = {}) {
  const { train, test } = data;
  const suffix = suffixOf(data, { limit, seed });
  if (test) return { train, test, suffix };
  const { kept, held } = stratifiedHoldOut(train.labels!, { share: 0.2, seed });
  if (held.length === 0) throw tooFew({ dataset: train.name, length: train.length });
  return { train: subset(train, kept), test: subset(train, held), suffix };
}

function suffixOf({ split, test }: LabelledData, { limit, seed }: { limit: number | undefined; seed: number }): string {
  const part = split === undefined ? "" : `, ${split} split`;
  const limited = limit === undefined ? "" : `, at most ${limit} images a split`;
  return `${part}${limited}${test ? "" : `, 20 % of the images held out with seed ${seed}`}`;
}

const tooFew = ({ dataset, length }: Pick<Features, "dataset" | "length">) =>
  new SelfsightError(
    "data",
    `evaluate: ${displayName(dataset)} has ${length} images and no class of two; one of each class is held out to measure on; add images, or divide the folder into train/ and test/`,
  );
