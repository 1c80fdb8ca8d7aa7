// Who says which picture is what: a list, or sub-folders with examples.
import { basename } from "node:path";
import { parse } from "csv-parse/sync";
import type { Dataset } from "../../data/index.ts";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { readRegularFile } from "../../files.ts";
import { pictureName } from "../pictures.ts";

/** The class of some pictures of a dataset, by their places in it. */
export type Labels = Map<number, string>;

/**
 * Reads a list with two columns, a picture and its class: commas, semicolons or tabs, quoted where needed, with or without a first line
 * of titles. A picture is named by its path below the folder, or by its file name where that is one picture's alone; of an array by its
 * place. A line without a class is passed over.
 *
 * @throws SelfsightError "data" for names that are no pictures, and for a picture with two classes.
 */
export function readLabelList(file: string, dataset: Dataset): Labels {
  const placeOf = placesByName(dataset);
  const rows = rowsOf(file);
  const isTitle = rows.length > 1 && rows[0]!.length >= 2 && !placeOf.has(rows[0]![0]!) && placeOf.has(rows[1]![0]!);
  const labels: Labels = new Map();
  const strangers: string[] = [];
  for (const [name, label] of isTitle ? rows.slice(1) : rows) {
    if (name === undefined || label === undefined || label === "") continue;
    const place = placeOf.get(name);
    if (place === undefined) strangers.push(name);
    else if ((labels.get(place) ?? label) !== label) throw twoClasses(file, name, [labels.get(place)!, label]);
    else labels.set(place, label);
  }
  if (strangers.length > 0) throw unknownNames(file, dataset, strangers, [...placeOf.keys()]);
  return labels;
}

function rowsOf(file: string): string[][] {
  try {
    const text = readRegularFile(file);
    return parse(text, {
      delimiter: [",", ";", "\t"],
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
    });
  } catch (cause) {
    throw new SelfsightError(
      "data",
      `labels: ${displayName(file)}: ${displayName((cause as Error).message)}; a list of two columns, picture and class, is needed; check the file`,
      { cause },
    );
  }
}

/** Paths, and file names that only one picture has. */
function placesByName(dataset: Dataset): Map<string, number> {
  const places = new Map<string, number>();
  const shared = new Set<string>();
  for (let place = 0; place < dataset.length; place++) {
    const short = basename(pictureName(dataset, place));
    if (places.has(short)) shared.add(short);
    places.set(short, place);
  }
  for (const short of shared) places.delete(short);
  for (let place = 0; place < dataset.length; place++) places.set(pictureName(dataset, place), place);
  return places;
}

function twoClasses(file: string, name: string, classes: string[]): SelfsightError {
  return new SelfsightError(
    "data",
    `labels: ${displayName(file)} calls ${displayName(name)} ${classes.map(displayName).join(" and ")}; one class a picture is needed; take one line out`,
  );
}

function unknownNames(file: string, dataset: Dataset, strangers: string[], known: string[]): SelfsightError {
  const [first] = strangers as [string];
  return new SelfsightError(
    "data",
    `labels: ${strangers.length} names of ${displayName(file)} are no pictures of ${displayName(dataset.name)}, such as ${displayName(first)}; paths below the folder are needed; check the list.${displayName(didYouMean(first, known.slice(0, 2000)))}`,
  );
}
