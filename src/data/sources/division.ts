// A folder that names its parts: to learn from, to choose by, to report on.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Division, FolderPart } from "../dataset.ts";
import { isPassedOver } from "./walk.ts";

/** Names of the parts: `val` to choose by, where there is one to report on too. */
const partNames = { train: ["train"], val: ["val", "valid", "validation"], test: ["test"] } as const;

/** The one among `names` that means a part, in whatever case it is written. */
export function partNamed(names: readonly string[], part: keyof typeof partNames): string | undefined {
  const named = (wanted: string) =>
    names.find((name) => name === wanted) ?? names.find((name) => name.toLowerCase() === wanted);
  return partNames[part].map(named).find((found) => found !== undefined);
}

/** The parts by the names of its sub-folders, in whatever case they are written; undefined where it has no `train` and another. */
export async function divisionOf(folder: string): Promise<Division | undefined> {
  const entries = (await foldersIn(folder)).sort();
  const folderOf = async (part: keyof typeof partNames): Promise<FolderPart | undefined> => {
    const name = partNamed(entries, part);
    return name === undefined ? undefined : { name, isLabelled: (await foldersIn(join(folder, name))).length > 0 };
  };
  const [train, val, test] = await Promise.all([folderOf("train"), folderOf("val"), folderOf("test")]);
  if (!train || !(val || test)) return undefined;
  const parts = [train, val, test].map((part) => part?.name);
  const others = entries.filter((entry) => !parts.includes(entry));
  return { train, ...(val && { val }), ...(test && { test }), others };
}

/** Sub-folders, and links that may lead to some; none where the folder cannot be read. */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const isFolder = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
  return isFolder.map(({ name }) => name).filter((name) => !isPassedOver(name));
}
