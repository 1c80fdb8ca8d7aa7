// pictures.tsv: size and name of each picture of a run, so that a resume can say which ones changed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../../data/index.ts";
import { displayName } from "../../errors.ts";
import { writeFileDurably } from "../../files.ts";

const listPath = (run: string): string => join(run, "pictures.tsv");

/** Beyond this many the list would weigh more than it helps. */
const mostPictures = 200_000;

/** Lists the pictures of a folder; data in one block have no names. Errors: storage. */
export function writeDataList(run: string, dataset: Dataset): void {
  if (dataset.kind !== "folder" || dataset.length > mostPictures) return;
  writeFileDurably(listPath(run), dataset.files.map(({ label, bytes }) => `${bytes}\t${label}\n`).join(""));
}

/** What was added, removed and changed since the list was written, with the first five names; empty where that is not known. */
export function describeChanges(run: string, dataset: Dataset): string {
  if (dataset.kind !== "folder" || !existsSync(listPath(run))) return "";
  const before = new Map(readFileSync(listPath(run), "utf8").split("\n").flatMap(entryFrom));
  const now = new Map(dataset.files.map(({ label, bytes }) => [label, bytes]));
  const added = [...now.keys()].filter((name) => !before.has(name));
  const removed = [...before.keys()].filter((name) => !now.has(name));
  const changed = [...now]
    .filter(([name, bytes]) => before.has(name) && before.get(name) !== bytes)
    .map(([name]) => name);
  return [named("new", added), named("gone", removed), named("of another size", changed)].filter(Boolean).join(", ");
}

const entryFrom = (line: string): [string, number][] => {
  const at = line.indexOf("\t");
  return at < 1 ? [] : [[line.slice(at + 1), Number(line.slice(0, at))]];
};

const named = (what: string, names: readonly string[]): string =>
  names.length === 0
    ? ""
    : `${names.length} ${what} (${names.slice(0, 5).map(displayName).join(", ")}${names.length > 5 ? ", ..." : ""})`;
