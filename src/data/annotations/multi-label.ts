// N pictures, C classes. Pictures that may be of several classes at once: from VOC's and COCO's annotations, or from a CSV file.
import { readFileSync } from "node:fs";
import { basename, dirname, extname, normalize, relative, resolve } from "node:path";
import { parse } from "csv-parse/sync";
import { displayName, SelfsightError } from "../../errors.ts";
import { columns as listColumns } from "../archives/lists.ts";
import { defaultRules, folderFingerprint, type ImageFolder, type ReadingRules, subset } from "../dataset.ts";
import { nameOfBytes } from "../picture-name.ts";
import { lookInto } from "../sources/look.ts";
import { datasetNames, openDataset } from "../sources/open.ts";
import { type DetectionSet, objectsOf } from "./detection-set.ts";
import { describeIssue } from "./issues.ts";
import { openDetectionSet } from "./open.ts";
import { isVocFolder, listsOf } from "./voc/folders.ts";

export interface MultiLabelData {
  pictures: ImageFolder; // N
  names: readonly string[]; // [C]
  /** 1: the picture shows the class; 0: it does not; -1: only where VOC calls it difficult. */
  labels: Int8Array; // [N, C]
  /** What was wrong in the annotations, in sentences. */
  notes: readonly string[];
}

export interface OpenMultiLabelOptions {
  /** `train` (VOC's `trainval` where its lists have one), or `val` or `test`. */
  split: "train" | "val" | "test";
  /** At most so many pictures, evenly spread. Default all. */
  limit?: number;
  rules?: Partial<ReadingRules>;
}

/**
 * Opens pictures with the classes that each shows: what `openDetectionSet` opens, or a CSV file with a column of paths (`file_name`, `path`
 * or the like), one column a class with 1, 0 or -1, and where there are parts a column `split`.
 *
 * @throws SelfsightError "data" for what is neither, and for values that are no label.
 */
export async function openMultiLabel(
  path: string,
  { limit, ...options }: OpenMultiLabelOptions,
): Promise<MultiLabelData> {
  if (datasetNames.includes(path)) throw oneClassEach(path);
  const found =
    extname(path).toLowerCase() === ".csv" ? await openTable(path, options) : await openAnnotated(path, options);
  return limit === undefined || limit >= found.pictures.length ? found : spreadOut(found, limit);
}

const oneClassEach = (name: string) =>
  new SelfsightError(
    "data",
    `opening ${name}: its pictures are of one class each; pictures that may be of several are needed; give a VOC folder, a COCO JSON file or a CSV file with a column a class`,
  );

function spreadOut({ pictures, names, labels, notes }: MultiLabelData, limit: number): MultiLabelData {
  const places = Array.from({ length: limit }, (_, i) => Math.floor((i * pictures.length) / limit));
  const rows = places.flatMap((place) => [...labels.subarray(place * names.length, (place + 1) * names.length)]);
  return { pictures: subset(pictures, places) as ImageFolder, names, labels: Int8Array.from(rows), notes };
}

type Opening = Omit<OpenMultiLabelOptions, "limit">;

// ---- annotations with boxes ----

async function openAnnotated(path: string, { split, rules }: Opening): Promise<MultiLabelData> {
  const set = await openDetectionSet(path, { split: split === "train" ? trainingPart(path) : split });
  return {
    pictures: await foldersOf(set, resolve(path), { ...defaultRules, ...rules }),
    names: set.categories.map(({ name }) => name),
    labels: labelsOf(set),
    notes: set.issues.map(describeIssue),
  };
}

const trainingPart = (path: string): string =>
  basename(path) === "07+12" || (isVocFolder(path) && listsOf(path).includes("trainval")) ? "trainval" : "train";

/** A class is shown by any object of it, a crowd too; one that is difficult alone leaves it open. */
export function labelsOf(set: DetectionSet): Int8Array {
  const C = set.categories.length;
  const labels = new Int8Array(set.images.length * C); // [N, C]
  for (let image = 0; image < set.images.length; image++) {
    const { classes, isDifficult } = objectsOf(set, image);
    classes.forEach((own, object) => {
      const place = image * C + own;
      if (isDifficult[object] === 0) labels[place] = 1;
      else if (labels[place] === 0) labels[place] = -1;
    });
  }
  return labels;
}

/** The set's pictures as files that are read like those of a folder. Errors: data, for one that is no picture. */
async function foldersOf({ name, images }: DetectionSet, path: string, rules: ReadingRules): Promise<ImageFolder> {
  const root = extname(path) === "" ? path : dirname(path);
  const files = [];
  for (const { file } of images) {
    const seen = await lookInto(Buffer.from(file), rules);
    if (typeof seen === "string")
      throw new SelfsightError("data", `opening ${displayName(file)}: ${seen}; a picture is needed; mend or remove it`);
    files.push({ path: Buffer.from(file), label: nameOfBytes(Buffer.from(relative(root, file))), ...seen });
  }
  const fingerprint = folderFingerprint(files.map(({ label, bytes }) => ({ relative: Buffer.from(label), bytes })));
  return { kind: "folder", name, root, length: files.length, files, fingerprint, skipped: [], rules };
}

// ---- a table ----

const noClass: readonly string[] = [...listColumns.path, ...listColumns.label, ...listColumns.split];

async function openTable(file: string, { split, rules }: Opening): Promise<MultiLabelData> {
  const opened = await openDataset(file, { split, ...(rules && { rules }) });
  const pictures = opened as ImageFolder;
  const rows = rowsOf(file);
  const names = Object.keys(rows[0] ?? {}).filter((column) => !noClass.includes(column));
  if (names.length === 0) throw wrong(file, "no column of a class", "one column a class with 1, 0 or -1 is needed");
  const rowOf = new Map(rows.map((row, i) => [pathOf(row), { row, line: i + 2 }]));
  const labels = new Int8Array(pictures.length * names.length); // [N, C]
  for (const [place, { label }] of [...pictures.files].entries()) {
    const { row, line } = rowOf.get(label)!;
    labels.set(
      names.map((name) => labelIn(file, line, name, row[name]!)),
      place * names.length,
    );
  }
  const notes = pictures.skipped.map(({ label, reason }) => `${displayName(label)} is left out: ${reason}`);
  return { pictures, names, labels, notes };
}

const pathOf = (row: Readonly<Record<string, string>>): string => {
  const column = listColumns.path.find((name) => Object.hasOwn(row, name));
  return normalize(column === undefined ? "" : row[column]!);
};

function rowsOf(file: string): Record<string, string>[] {
  try {
    return parse(readFileSync(file), { columns: true, bom: true, skip_empty_lines: true, trim: true });
  } catch (cause) {
    throw wrong(file, displayName((cause as Error).message), "mend it");
  }
}

function labelIn(file: string, line: number, name: string, text: string): number {
  if (text === "1" || text === "0" || text === "-1") return Number(text);
  if (text === "") return 0;
  throw wrong(file, `line ${line} has ${displayName(text)} for ${displayName(name)}`, "1, 0, -1 or nothing is needed");
}

const wrong = (file: string, found: string, advice: string) =>
  new SelfsightError("data", `reading ${displayName(file)}: ${found}; ${advice}`);
