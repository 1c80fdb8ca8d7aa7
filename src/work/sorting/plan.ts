import { existsSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { type Dataset, nameOfBytes } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import { type ClusterOptions, clustersOf } from "../clusters/find.ts";
import { type ClassifyOptions, classifiedOf } from "../labels/find.ts";
import type { FeatureOptions, OpenWork } from "../open-work.ts";
import { pathOf } from "./paths.ts";

export interface SortOptions extends FeatureOptions, Pick<ClusterOptions, "k" | "seed"> {
  /** The folder in which one sub-folder a group is made. */
  into: string;
  /** Sort by class, after a CSV or a folder of examples. Default: by groups that are alike. */
  labels?: ClassifyOptions["labels"] | undefined;
  /** Confidence below which a picture stays where it is. Default 0.8; of groups there is none. */
  sure?: number | undefined;
}

/** One file's way; names as `nameOfBytes` has them, so that each leads back to its file. */
export interface Move {
  /** Where it lies: an absolute path. */
  from: string;
  /** Where it goes: an absolute path, which nothing has. */
  to: string;
  /** The sub-folder. */
  group: string;
  /** Its place in the dataset. */
  index: number;
}

export interface SortPlan {
  into: string;
  data: string;
  representation: string;
  moves: Move[];
  /** Pictures that stay, because nobody can be sure of them. */
  left: number;
}

/** What would be moved where; nothing is touched. Errors: data, numerics; configuration for pictures that are no files. */
export async function planOf(work: OpenWork, options: SortOptions): Promise<SortPlan> {
  const { dataset } = work.pictures;
  if (dataset.kind !== "folder") throw noFiles(dataset);
  const { groups, left } =
    options.labels === undefined ? await byCluster(work, options) : await byClass(work, options, options.labels);
  const taken = new Set<string>();
  const into = resolve(options.into);
  const moves = groups.flatMap(({ name, indices }) =>
    indices.map((index): Move => {
      const from = nameOfBytes(dataset.files.at(index)!.path);
      const to = free(`${nameOfBytes(Buffer.from(join(into, name)))}/${basename(from)}`, from, taken);
      return { from, to, group: name, index };
    }),
  );
  return {
    into,
    data: dataset.name,
    representation: work.representation.name,
    moves: moves.filter(({ from, to }) => from !== to),
    left,
  };
}

interface Grouped {
  groups: { name: string; indices: number[] }[];
  left: number;
}

async function byCluster(work: OpenWork, options: SortOptions): Promise<Grouped> {
  const { clusters } = await clustersOf(work, options);
  const digits = String(clusters.length - 1).length;
  const groups = clusters.map(({ pictures }, number) => ({
    name: `group-${String(number).padStart(digits, "0")}`,
    indices: pictures.map(({ index }) => index),
  }));
  return { groups, left: 0 };
}

async function byClass(work: OpenWork, options: SortOptions, labels: string): Promise<Grouped> {
  const { sure = 0.8 } = options;
  const { classes, pictures } = await classifiedOf(work, { ...options, labels, teach: 0 });
  for (const name of classes) refuseUnfit(name);
  const certain = pictures.filter(({ confidence }) => confidence >= sure);
  const groups = classes.map((name) => ({
    name,
    indices: certain.filter(({ label }) => label === name).map(({ index }) => index),
  }));
  return { groups, left: pictures.length - certain.length };
}

/** A class becomes a folder, and must not lead elsewhere. */
function refuseUnfit(name: string): void {
  if (!/[/\0]/.test(name) && !name.startsWith(".") && name.length <= 100) return;
  throw new SelfsightError(
    "data",
    `sort: the class ${displayName(name)} is no name for a folder; one without slashes, at most 100 letters and no dot at its start is needed; call it otherwise in the labels`,
  );
}

/** A name that neither a file nor another move has: `bee.jpg`, `bee-2.jpg` and so on. */
function free(wanted: string, from: string, taken: Set<string>): string {
  const ending = extname(wanted);
  const stem = wanted.slice(0, wanted.length - ending.length);
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${stem}-${number}${ending}`;
    if (taken.has(name) || (name !== from && existsSync(pathOf(name)))) continue;
    taken.add(name);
    return name;
  }
}

const noFiles = (dataset: Dataset) =>
  new SelfsightError(
    "configuration",
    `sort: ${displayName(dataset.name)} is one block of pictures; a folder of files is needed; files can be moved, places in a block cannot`,
  );
