// A list of pictures in CSV, TSV or JSON lines: a path below the list's own folder in each row, and what it says of it.
import { createReadStream } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, normalize, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parse } from "csv-parse";
import { displayName, SelfsightError } from "../../errors.ts";
import type { ReadingRules, SkippedFile } from "../dataset.ts";
import { nameOfBytes } from "../picture-name.ts";
import { lookInto } from "../sources/look.ts";
import { folderOf, type ListedPicture } from "./listed.ts";

const separators = { ".csv": ",", ".tsv": "\t" } as const;
const lineEndings = [".jsonl", ".ndjson"];

export const listEndings = [...Object.keys(separators), ...lineEndings] as const;
export const isList = (path: string): boolean => listEndings.includes(extname(path).toLowerCase());

export const columns = {
  path: ["file_name", "filename", "file", "path", "image", "img"],
  label: ["label", "class", "category", "target"],
  split: ["split", "part", "subset"],
} as const;

interface Row {
  /** In the file, from 1; a header counts. */
  line: number;
  values: Readonly<Record<string, unknown>>;
}

/**
 * Opens the pictures of a list. Columns are known by their names: `file_name`, `path` or the like; `label` or `class`; `split`.
 *
 * @throws SelfsightError "data" with the line, for a list that cannot be read or names something outside of its folder.
 */
export async function openList(list: string, rules: Partial<ReadingRules>) {
  const root = dirname(resolve(list));
  const pictures: ListedPicture[] = [];
  const skipped: SkippedFile[] = [];
  const seen = new Set<string>();
  for await (const row of rowsOf(list)) {
    const path = pathIn(list, root, row);
    const label = nameOfBytes(Buffer.from(path));
    const looked = seen.has(path)
      ? "in the list twice"
      : await lookInto(Buffer.from(join(root, path)), { range: null, bands: null, ...rules });
    seen.add(path);
    if (typeof looked === "string") skipped.push({ label, reason: looked });
    else pictures.push({ file: { path: Buffer.from(join(root, path)), label, ...looked }, ...saidIn(row) });
  }
  return folderOf({ name: basename(list), root, rules }, { pictures, skipped });
}

async function* rowsOf(list: string): AsyncGenerator<Row> {
  const separator = separators[extname(list).toLowerCase() as keyof typeof separators];
  try {
    yield* separator === undefined ? jsonRows(list) : separatedRows(list, separator);
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw wrong(list, cause instanceof Error ? cause.message : String(cause), "mend it");
  }
}

async function* separatedRows(list: string, delimiter: string): AsyncGenerator<Row> {
  const parser = createReadStream(list).pipe(
    parse({ delimiter, columns: true, bom: true, info: true, skip_empty_lines: true, trim: true }),
  );
  for await (const { record, info } of parser) yield { line: info.lines, values: record };
}

async function* jsonRows(list: string): AsyncGenerator<Row> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(list), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() === "") continue;
    yield { line, values: objectIn(list, line, text) };
  }
}

function objectIn(list: string, line: number, text: string): Row["values"] {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row["values"];
  } catch {
    // said below
  }
  throw wrong(list, `line ${line} is no JSON object`, "one object a line is needed");
}

const valueIn = ({ values }: Row, names: readonly string[]): unknown => {
  const name = names.find((wanted) => Object.hasOwn(values, wanted));
  return name === undefined ? undefined : values[name];
};

/** Below the list's folder, in its shortest form. */
function pathIn(list: string, root: string, row: Row): string {
  const value = valueIn(row, columns.path);
  if (typeof value !== "string" || value === "") {
    const found = Object.keys(row.values).slice(0, 8).map(displayName).join(", ");
    throw wrong(
      list,
      `line ${row.line} names no picture (it has ${found})`,
      `a column ${columns.path.join(", ")} is needed`,
    );
  }
  const path = normalize(value);
  if (!isAbsolute(path) && path.split("/")[0] !== ".." && !/^[a-z][a-z0-9+.-]+:/i.test(value)) return path;
  if (isAbsolute(path) && path.startsWith(`${root}/`)) return path.slice(root.length + 1);
  throw wrong(
    list,
    `line ${row.line} names ${displayName(value)}, outside of the list's folder`,
    "put the list into a folder above all its pictures",
  );
}

function saidIn(row: Row): Pick<ListedPicture, "part" | "steps" | "said"> {
  const [label, split] = [valueIn(row, columns.label), valueIn(row, columns.split)];
  const isSaid = (typeof label === "string" && label !== "") || typeof label === "number";
  return { part: typeof split === "string" ? split : "", steps: [], ...(isSaid && { said: { name: String(label) } }) };
}

const wrong = (list: string, found: string, advice: string) =>
  new SelfsightError("data", `reading the list ${displayName(list)}: ${found}; ${advice}`);
