// A folder that names its parts: to learn from, to choose by, to report on.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Division, FolderPart } from "../dataset.ts";
import { isPassedOver } from "./image-folder.ts";

/** Names of a part to choose by, where there is one to report on too. */
const valNames = ["val", "valid", "validation"];

/** The parts by the names of its sub-folders, in whatever case they are written; undefined where it has no `train` and another. */
export async function divisionOf(folder: string): Promise<Division | undefined> {
  const entries = (await foldersIn(folder)).sort();
  const named = (wanted: string) =>
    entries.find((entry) => entry === wanted) ?? entries.find((entry) => entry.toLowerCase() === wanted);
  const partNamed = async (...names: string[]): Promise<FolderPart | undefined> => {
    const name = names.map(named).find((found) => found !== undefined);
    return name === undefined ? undefined : { name, isLabelled: (await foldersIn(join(folder, name))).length > 0 };
  };
  const [train, val, test] = await Promise.all([partNamed("train"), partNamed(...valNames), partNamed("test")]);
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
