// pictures.tsv: size, time and name of each picture of a run, so that a resume can say which ones changed.
import { join } from "node:path";
import type { Dataset, ImageFile } from "../../data/index.ts";
import { displayName } from "../../errors.ts";
import { readRegularFile, writeFileDurably } from "../../files.ts";

const listPath = (run: string): string => join(run, "pictures.tsv");

/** Beyond this many the list would weigh more than it helps. */
const mostPictures = 200_000;

/** Lists the pictures of a folder; data in one block have no names. Errors: storage. */
export function writeDataList(run: string, dataset: Dataset): void {
  if (dataset.kind !== "folder" || dataset.length > mostPictures) return;
  const lines = Array.from(
    dataset.files,
    ({ label, bytes, modifiedSeconds }) => `${bytes}\t${modifiedSeconds}\t${label}\n`,
  );
  writeFileDurably(listPath(run), lines.join(""));
}

/** What was added, removed and changed since the list was written, with the first five names; empty where that is not known. */
export function describeChanges(run: string, dataset: Dataset): string {
  const { before, now } = listsOf(run, dataset);
  const added = [...now.keys()].filter((name) => !before.has(name));
  const removed = [...before.keys()].filter((name) => !now.has(name));
  const changed = [...now].filter(([name, { bytes }]) => (before.get(name)?.bytes ?? bytes) !== bytes);
  return [named("new", added), named("gone", removed), named("of another size", namesOf(changed))]
    .filter(Boolean)
    .join(", ");
}

/** Pictures whose time alone is another than the list's, with the first five names: replaced in place, or only copied. Empty where there is none. */
export function describeTouched(run: string, dataset: Dataset): string {
  const { before, now } = listsOf(run, dataset);
  const touched = [...now].filter(([name, { modifiedSeconds }]) => {
    const then = before.get(name)?.modifiedSeconds;
    return then !== undefined && then !== modifiedSeconds;
  });
  const verb = touched.length === 1 ? "was" : "were";
  return named(
    `of ${now.size} pictures ${verb} written at another time than when the run last read them`,
    namesOf(touched),
  );
}

type Entry = Pick<ImageFile, "bytes"> & { modifiedSeconds: number | undefined };

/** The list of the run and that of today, both empty where either is not there to compare. */
function listsOf(run: string, dataset: Dataset): { before: Map<string, Entry>; now: Map<string, Entry> } {
  const before = dataset.kind === "folder" ? readList(run) : undefined;
  if (dataset.kind !== "folder" || before === undefined) return { before: new Map(), now: new Map() };
  return { before, now: new Map(Array.from(dataset.files, ({ label, ...entry }) => [label, entry])) };
}

/** A list that cannot be read says nothing. */
function readList(run: string): Map<string, Entry> | undefined {
  try {
    return new Map(readRegularFile(listPath(run)).toString("utf8").split("\n").flatMap(entryFrom));
  } catch {
    return undefined;
  }
}

/** Lists of older runs have no times. */
function entryFrom(line: string): [string, Entry][] {
  const [, bytes, seconds, name] = /^(\d+)\t(?:(-?\d+)\t)?(.+)$/.exec(line) ?? [];
  if (name === undefined) return [];
  return [[name, { bytes: Number(bytes), modifiedSeconds: seconds === undefined ? undefined : Number(seconds) }]];
}

const namesOf = (entries: readonly (readonly [string, Entry])[]): string[] => entries.map(([name]) => name);

const named = (what: string, names: readonly string[]): string =>
  names.length === 0
    ? ""
    : `${names.length} ${what} (${names.slice(0, 5).map(displayName).join(", ")}${names.length > 5 ? ", ..." : ""})`;
