import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { CallError, didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { fetchedShards, isAddress } from "../archives/fetched.ts";
import { shardsInFolder, shardsOfPattern } from "../archives/find.ts";
import type { ListedFolder } from "../archives/listed.ts";
import { isList, listEndings, openList } from "../archives/lists.ts";
import { isShard, openShards, shardEndings } from "../archives/shards.ts";
import {
  type Dataset,
  type FolderPart,
  limitTo,
  type ReadingRules,
  type Split,
  type StoredSplit,
  withRules,
} from "../dataset.ts";
import { joined } from "../joined.ts";
import { cifarLayoutOf, readCifar } from "./cifar.ts";
import { divisionOf } from "./division.ts";
import { downloadKnown } from "./download.ts";
import type { OnProgress } from "./fetch-file.ts";
import { hasIdx, readIdxFolder } from "./idx.ts";
import { openImageFolder } from "./image-folder.ts";
import { datasetCache, entriesOf, findKnown, type KnownDataset, knownDatasets, searchedFolders } from "./known.ts";
import { drawShapes } from "./shapes.ts";

export interface OpenOptions {
  /** The part wanted, where the data have parts. Default "train". */
  split?: Split;
  /** At most this many samples: a fixed random choice. Default all. */
  limit?: number;
  /** How the files of a folder are read; a run reads by its settings, whatever is said here. */
  rules?: Partial<ReadingRules> | undefined;
  /** Told how far a download is. */
  onProgress?: OnProgress;
}

/** What `openDataset` knows by name. */
export const datasetNames: readonly string[] = [...knownDatasets.map(({ name }) => name), "shapes"];

/**
 * Opens a dataset: a folder of images, of CIFAR or IDX files or of archives; an archive (.tar, .zip, .parquet) or a pattern of several
 * (`train-{000..146}.tar`, `*.parquet`), also at an address (http, https), from which it is fetched once; a list (.csv, .tsv, .jsonl); or a known name (`cifar10`, `cifar100`, `fashion-mnist`, `shapes`).
 *
 * A known name is looked for in the folders of SELFSIGHT_DATA, the system's dataset folders and the cache, then downloaded
 * from its home. `./cifar10` is the folder, `cifar10` the known name. A folder of images with `train/` and `test/`,
 * `val/`, `valid/` or `validation/` (in that order, in any case) is split by them; any other is its own train split. `all` is
 * every part together, of a folder that is not divided the whole.
 *
 * @throws SelfsightError "data" for an unknown name, an empty folder, a missing split or damaged files.
 */
export async function openDataset(source: string, options: OpenOptions = {}): Promise<Dataset> {
  const { split = "train", limit, rules } = options;
  checkSource(source, split);
  checkLimit(limit);
  const dataset = await openWhole(source, split, options);
  const asked = { data: source, split, ...(limit !== undefined && { limit }), ...(rules && { rules }) };
  const { chosen: _, ...limited } = limitTo(dataset, limit);
  return { ...limited, source: asked } as Dataset;
}

/** Shapes are drawn as many as are wanted; of all other data the limit is taken afterwards. */
async function openWhole(source: string, split: Split, options: OpenOptions): Promise<Dataset> {
  const { limit, onProgress, rules } = options;
  const known = knownDatasets.find(({ name }) => name === source);
  const openStored = async (part: StoredSplit): Promise<Dataset> => {
    if (known) return openKnown(known, part, onProgress);
    return drawShapes(part, limit === undefined ? {} : { length: limit });
  };
  if (known || source === "shapes") return openPart(source, split, openStored);
  if (!isAddress(source)) return openFolder(source, split, rules);
  return openListed(source, await openShards(await fetchedShards(source, { onProgress }), rules ?? {}), split);
}

/** A part of data that come as train and test. */
async function openPart(
  name: string,
  split: Split,
  openStored: (part: StoredSplit) => Promise<Dataset>,
): Promise<Dataset> {
  if (split === "val") refuseNoVal(name);
  if (split !== "all") return openStored(split);
  return joined(name, [
    { name: "train", dataset: await openStored("train") },
    { name: "test", dataset: await openStored("test") },
  ]);
}

/**
 * An open dataset by other rules and with at most `limit` samples: the very ones that `openDataset` gives so. What was made by a
 * program is no longer looked for, and only limited.
 */
export async function reopened(dataset: Dataset, limit: number | undefined, rules: ReadingRules): Promise<Dataset> {
  const { source } = dataset;
  const isLimited = limit === undefined || limit === source?.limit;
  const isRuled = dataset.kind === "array" || isDeepStrictEqual(dataset.rules, rules);
  if (!source) return withRules(limitTo(dataset, limit), rules);
  if (isLimited && isRuled) return dataset;
  return openDataset(source.data, { ...source, rules, ...(limit !== undefined && { limit }) });
}

async function openKnown(
  known: KnownDataset,
  split: StoredSplit,
  onProgress: OnProgress | undefined,
): Promise<Dataset> {
  const folder = (await findKnown(known)) ?? (await downloadKnown(known, datasetCache(), { onProgress }));
  const layout = cifarLayoutOf(await entriesOf(folder));
  return layout ? readCifar(folder, layout, split) : readIdxFolder(folder, known.name, split);
}

async function openFolder(source: string, split: Split, rules: Partial<ReadingRules> = {}): Promise<Dataset> {
  const kind = await stat(source).catch(() => undefined);
  if (!kind) return openPattern(source, split, rules);
  if (!kind.isDirectory()) return openFile(source, split, rules);
  const folder = resolve(source);
  const entries = await entriesOf(folder);
  const layout = cifarLayoutOf(entries);
  const name = basename(folder);
  if (layout) return openPart(name, split, (part) => readCifar(folder, layout, part));
  if (hasIdx(entries)) return openPart(name, split, (part) => readIdxFolder(folder, name, part));
  const shards = await shardsInFolder(folder);
  if (shards) return openListed(folder, await openShards(shards, rules), split);
  const division = await divisionOf(folder);
  const open = (part?: FolderPart) => openImageFolder(part ? join(folder, part.name) : folder, name, rules);
  if (!division) return open(undividedOnly(folder, split));
  const { train, val, test } = division;
  if (split !== "all")
    return { ...(await open({ train, val, test: test ?? val }[split] ?? refuseNoVal(folder))), division };
  const parts = [train, test, val].filter((part) => part !== undefined);
  const opened = parts.map(async (part) => ({ name: part.name, dataset: await open(part) }));
  const whole = joined(name, await Promise.all(opened), folder);
  return whole.kind === "folder" ? { ...whole, division } : whole;
}

async function openPattern(source: string, split: Split, rules: Partial<ReadingRules>): Promise<Dataset> {
  const shards = await shardsOfPattern(source);
  if (!shards) throw unknownSource(source);
  return openListed(source, await openShards(shards, rules), split);
}

/** The same data from whatever folder they are asked for: known names and addresses as they are, paths whole. */
export const lastingSource = (source: string): string =>
  datasetNames.includes(source) || isAddress(source) ? source : resolve(source);

/** Whether a file of this name is read as many pictures, and not as one. */
export const isCollection = (path: string): boolean => isShard(path) || isList(path);

async function openFile(source: string, split: Split, rules: Partial<ReadingRules>): Promise<Dataset> {
  if (isList(source)) return openListed(source, await openList(source, rules), split);
  if (!isShard(source)) throw noFolder(source);
  const path = resolve(source);
  return openListed(
    source,
    await openShards({ name: basename(path), root: dirname(path), paths: [path] }, rules),
    split,
  );
}

function openListed(source: string, listed: ListedFolder, split: Split): Dataset {
  const found = listed.open(split);
  if (found) return found;
  if (!listed.division) undividedOnly(source, split);
  return refuseNoVal(source);
}

/** Of a folder that is not divided, `train` and `all` are the whole. */
function undividedOnly(folder: string, split: Split): undefined {
  if (split === "train" || split === "all") return;
  if (split === "val") refuseNoVal(folder);
  throw new SelfsightError(
    "data",
    `opening ${displayName(folder)}: its test split was asked for, and it is not divided; sub-folders train/ and test/ ` +
      "(or val/, valid/, validation/) are needed; divide it, or measure on a folder of its own.",
  );
}

function refuseNoVal(name: string): never {
  throw new SelfsightError(
    "data",
    `opening ${displayName(name)}: its val split was asked for, and it has none; a sub-folder val/, valid/ or validation/ ` +
      "beside train/ is needed; ask for train, test or all.",
  );
}

const splits: readonly Split[] = ["train", "test", "val", "all"];

/** Callers without types may give anything. */
function checkSource(source: unknown, split: Split): void {
  if (typeof source !== "string" || source === "")
    throw new CallError(
      `openDataset: ${source === "" ? "an empty name" : typeof source} was given; a folder or a known name (${datasetNames.join(", ")}) is needed; check the call`,
    );
  if (splits.includes(split)) return;
  throw new SelfsightError(
    "configuration",
    `openDataset: split ${displayName(String(split))}; ${splits.join(", ")} are there; choose one.${didYouMean(String(split), splits)}`,
  );
}

function checkLimit(limit: number | undefined): void {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1)) return;
  throw new SelfsightError("configuration", `openDataset: limit is ${limit}; a whole number from 1 is needed.`);
}

function unknownSource(source: string): SelfsightError {
  const shown = displayName(source);
  return new SelfsightError(
    "data",
    `opening ${shown}: neither a folder, an archive or a list here (${displayName(resolve(source))}) nor a known name (${datasetNames.join(", ")}).` +
      `${didYouMean(source, datasetNames)} Known names are looked for in ${searchedFolders().map(displayName).join(", ")}.`,
  );
}

const noFolder = (source: string) =>
  new SelfsightError(
    "data",
    `opening ${displayName(source)}: it is a file; a folder of pictures, of CIFAR or IDX files, an archive ` +
      `(${shardEndings.join(", ")}) or a list (${listEndings.join(", ")}) is needed; give the folder that holds it.`,
  );
