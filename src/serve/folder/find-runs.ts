// Which runs there are below a folder, each by a name that says nothing of where it lies.
import { createHash } from "node:crypto";
import { type Dirent, lstatSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { join, relative } from "node:path";

/** A run by the id that addresses have: no request names a path. */
export interface FoundRun {
  id: string;
  /** Below the folder that was named, for people; `.` is that folder itself. */
  name: string;
  folder: string;
}

export interface FoundRuns {
  runs: FoundRun[];
  /** Whether there were more folders than are looked into. */
  isCut: boolean;
}

const deepest = 4;
const mostEntries = 20_000;

/** The runs below `root`, itself among them; hidden folders and links are passed by, and what cannot be read says nothing. */
export async function findRuns(root: string): Promise<FoundRuns> {
  const budget = { entries: mostEntries };
  const folders = await foldersWithRuns(root, deepest, budget);
  const runs = folders.map((folder) => ({ id: idOf(root, folder), name: relative(root, folder) || ".", folder }));
  return { runs: runs.sort((a, b) => (a.name < b.name ? -1 : 1)), isCut: budget.entries < 0 };
}

export const idOf = (root: string, folder: string): string =>
  createHash("sha256")
    .update(relative(root, folder) || ".")
    .digest("hex")
    .slice(0, 16);

async function foldersWithRuns(folder: string, depth: number, budget: { entries: number }): Promise<string[]> {
  if (isFile(join(folder, "run.json"))) return [folder];
  if (depth < 0) return [];
  const found: string[] = [];
  for (const name of await subfolders(folder, budget))
    found.push(...(await foldersWithRuns(join(folder, name), depth - 1, budget)));
  return found;
}

const isFile = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

async function subfolders(folder: string, budget: { entries: number }): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(folder)) {
      if (--budget.entries < 0) break;
      if (isLookedInto(entry)) names.push(entry.name);
    }
  } catch {}
  return names;
}

const isLookedInto = (entry: Dirent): boolean => entry.isDirectory() && !entry.name.startsWith(".");
