// The datasets known by name: where they may lie on this machine and where their home is.
import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cacheFolder } from "../../../setup/cache.mjs";
import { cifarLayoutOf } from "./cifar.ts";
import { hasIdx } from "./idx.ts";

export interface KnownDataset {
  name: string;
  /** The folder's usual names; the first is the one our cache uses. */
  folders: readonly string[];
  /** Whether a folder with these entries holds the dataset. */
  isHeldBy(entries: ReadonlySet<string>): boolean;
  home: readonly RemoteFile[];
}

/** A file to be fetched, or an archive of which `members` are taken. */
export interface RemoteFile {
  url: string;
  md5: string;
  members?: readonly string[];
}

const cifarHome = "https://www.cs.toronto.edu/~kriz";
const fashionHome = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion";

export const knownDatasets: readonly KnownDataset[] = [
  {
    name: "cifar10",
    folders: ["cifar-10-batches-bin", "cifar10"],
    isHeldBy: (entries) => cifarLayoutOf(entries)?.name === "cifar10",
    home: [
      {
        url: `${cifarHome}/cifar-10-binary.tar.gz`,
        md5: "c32a1d4ab5d03f1284b67883e8d87530",
        members: [1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`).concat("test_batch.bin", "batches.meta.txt"),
      },
    ],
  },
  {
    name: "cifar100",
    folders: ["cifar-100-binary", "cifar100"],
    isHeldBy: (entries) => cifarLayoutOf(entries)?.name === "cifar100",
    home: [
      {
        url: `${cifarHome}/cifar-100-binary.tar.gz`,
        md5: "03b5dce01913d631647c71ecec9e9cb8",
        members: ["train.bin", "test.bin", "fine_label_names.txt"],
      },
    ],
  },
  {
    name: "fashion-mnist",
    folders: ["fashion-mnist", "FashionMNIST/raw"],
    isHeldBy: hasIdx,
    home: [
      { url: `${fashionHome}/train-images-idx3-ubyte.gz`, md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d" },
      { url: `${fashionHome}/train-labels-idx1-ubyte.gz`, md5: "25c81989df183df01b3e8a0aad5dffbe" },
      { url: `${fashionHome}/t10k-images-idx3-ubyte.gz`, md5: "bef4ecab320f06d8554ea6380940ec79" },
      { url: `${fashionHome}/t10k-labels-idx1-ubyte.gz`, md5: "bb300cfdad3c16e7a12a480ee83cd310" },
    ],
  },
];

/** Where Linux distributions install data packages (Debian: dataset-fashion-mnist). */
const systemFolders = ["/usr/share/datasets", "/usr/local/share/datasets"];

/** Where downloads are kept. */
export const datasetCache = (): string => cacheFolder("datasets");

/** The folders looked into, in order: those of SELFSIGHT_DATA, the system's, the cache. */
export function searchedFolders(): string[] {
  const own = (process.env.SELFSIGHT_DATA ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...own, ...systemFolders, datasetCache()];
}

/** The first folder that holds the dataset: a child by one of its usual names, or a searched folder itself of such a name. */
export async function findKnown(known: KnownDataset): Promise<string | undefined> {
  for (const parent of searchedFolders())
    for (const candidate of candidates(known, parent)) if (known.isHeldBy(await entriesOf(candidate))) return candidate;
  return undefined;
}

/** Every dataset known by name with the folder that holds it here, or null where it would be downloaded. */
export async function findKnownDatasets(): Promise<Record<string, string | null>> {
  const found = knownDatasets.map(async (known) => [known.name, (await findKnown(known)) ?? null] as const);
  return Object.fromEntries(await Promise.all(found));
}

/** IDX files do not say which dataset they are, so that a searched folder counts itself only under a name of the dataset's. */
function candidates(known: KnownDataset, parent: string): string[] {
  const trimmed = parent.replace(/\/+$/, "");
  const isItself = known.folders.some((folder) => `/${trimmed}`.endsWith(`/${folder}`));
  const itself = isItself || known.name.startsWith("cifar") ? [parent] : [];
  return [...itself, ...known.folders.map((folder) => join(parent, folder))];
}

/** The names in a folder; none where it cannot be read. */
export const entriesOf = async (folder: string): Promise<ReadonlySet<string>> =>
  new Set(await readdir(folder).catch(() => []));
