// N pictures, C classes. Which pictures of a set may show their labels.
import { type Dataset, sampleName } from "../data/index.ts";
import { displayName, SelfsightError } from "../errors.ts";
import { keyedPermutation } from "../random.ts";
import { placesByClass } from "./hold-out.ts";

/** How many labels may be used: a share of each class, as many of each class, or those that a list names. */
export type LabelBudget =
  | { kind: "share"; share: number }
  | { kind: "per-class"; count: number }
  | { kind: "list"; names: readonly string[]; file: string };

export interface LabelledPlaces {
  /** In the order of the dataset. */
  places: Uint32Array;
  /** What a reader should know: names that a list has and the data lack, classes without a label. */
  notes: string[];
}

/** Keeps these draws apart from other uses of the seed. */
const budgetKey = 0x62756467;

/**
 * The pictures whose labels are used. A share or a number is drawn from each class by itself, keyed by (seed, class), so that a larger
 * budget holds a smaller one of the same seed. A list names files: by their path below the data, by their name alone, or as SimCLR's
 * lists do, where the class is what stands before the underscore.
 *
 * @throws SelfsightError "data" where a class has fewer pictures than asked for, or a list names none.
 */
export function labelledPlaces(dataset: Dataset, budget: LabelBudget, seed: number): LabelledPlaces {
  if (budget.kind === "list") return placesOfList(dataset, budget);
  const labels = dataset.labels!;
  const chosen = placesByClass(labels).flatMap((places, label) => {
    if (places.length === 0) return [];
    const count = countOf(dataset, budget, { label, available: places.length });
    const order = keyedPermutation(places.length, seed, budgetKey, label);
    return Array.from(order.subarray(0, count), (turn) => places[turn]!);
  });
  return { places: Uint32Array.from(chosen).sort(), notes: [] };
}

type Drawn = Exclude<LabelBudget, { kind: "list" }>;

function countOf(dataset: Dataset, budget: Drawn, { label, available }: { label: number; available: number }): number {
  const name = displayName(dataset.classes?.[label] ?? String(label));
  if (budget.kind === "share") {
    const count = Math.round(budget.share * available);
    if (count > 0) return count;
    throw new SelfsightError(
      "data",
      `finetune: ${percentOf(budget.share)} of the labels are asked for; ${name} has ${available} train images in ${displayName(dataset.name)}, which is less than one label; use --labels 1-per-class or a larger share`,
    );
  }
  if (budget.count <= available) return budget.count;
  throw new SelfsightError(
    "data",
    `finetune: ${budget.count} labels of each class are asked for; ${name} has ${available} train images in ${displayName(dataset.name)}; add images or use --labels ${available}-per-class`,
  );
}

/** 0.01 as `1%`. */
export const percentOf = (share: number): string => `${Number((100 * share).toPrecision(6))}%`;

/** What messages name of many. */
const mostNamed = 3;

function placesOfList(dataset: Dataset, { names, file }: Extract<LabelBudget, { kind: "list" }>): LabelledPlaces {
  const known = placesByName(dataset);
  const found = new Set<number>();
  const unknown: string[] = [];
  for (const name of names) {
    const place = known.get(name) ?? known.get(inClassFolder(name));
    if (place === undefined) unknown.push(name);
    else found.add(place);
  }
  if (found.size === 0) throw nothingFound(dataset, file, names);
  const places = Uint32Array.from(found).sort();
  return { places, notes: [...unknownNote(file, names, unknown), ...classesWithout(dataset, places)] };
}

/** Of a name that stands in several folders, no place is known. */
function placesByName(dataset: Dataset): Map<string, number | undefined> {
  const places = new Map<string, number | undefined>();
  for (let place = 0; place < dataset.length; place++) {
    const name = sampleName(dataset, place);
    const base = name.slice(name.lastIndexOf("/") + 1);
    if (base !== name) places.set(base, places.has(base) ? undefined : place);
  }
  for (let place = 0; place < dataset.length; place++) places.set(sampleName(dataset, place), place);
  return places;
}

/** `n01440764_10074.JPEG` as `n01440764/n01440764_10074.JPEG`. */
const inClassFolder = (name: string): string => `${name.slice(0, Math.max(0, name.indexOf("_")))}/${name}`;

const unknownNote = (file: string, names: readonly string[], unknown: readonly string[]): string[] =>
  unknown.length === 0
    ? []
    : [
        `${unknown.length} of the ${names.length} names in ${displayName(file)} are not among the train images (${shown(unknown)})`,
      ];

const shown = (names: readonly string[]): string =>
  `${names.slice(0, mostNamed).map(displayName).join(", ")}${names.length > mostNamed ? ", ..." : ""}`;

function classesWithout({ labels, classes = [] }: Dataset, places: Uint32Array): string[] {
  const present = new Set(Array.from(places, (place) => labels![place]));
  const absent = classes.filter((_, label) => !present.has(label) && labels!.includes(label));
  return absent.length === 0 ? [] : [`${absent.length} classes have no label in the list (${shown(absent)})`];
}

function nothingFound(dataset: Dataset, file: string, names: readonly string[]): SelfsightError {
  const found = names.length === 0 ? "no names" : `${names.length} names, none of them a train image (${shown(names)})`;
  return new SelfsightError(
    "data",
    `finetune: ${displayName(file)} has ${found} of ${displayName(dataset.name)}; a file's name on each line is needed, such as ${displayName(sampleName(dataset, 0))}`,
  );
}

/** What a protocol says of it. */
export function budgetWords(budget: LabelBudget): string {
  if (budget.kind === "share") return `${percentOf(budget.share)} of the labels`;
  return budget.kind === "per-class" ? `${budget.count} labels/class` : "listed labels";
}

/** Errors: configuration, for text that is no budget; a path is left to the caller, who reads it. */
export function budgetOf(text: string): Exclude<LabelBudget, { kind: "list" }> | undefined {
  const [, percent] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text) ?? [];
  const [, count] = /^(\d+)-per-class$/.exec(text) ?? [];
  if (percent !== undefined) return { kind: "share", share: checkedShare(Number(percent) / 100, text) };
  if (count === undefined) return undefined;
  if (Number(count) > 0) return { kind: "per-class", count: Number(count) };
  throw refusal(text, "one label of each class or more is needed");
}

function checkedShare(share: number, text: string): number {
  if (share > 0 && share <= 1) return share;
  throw refusal(text, "more than 0% and at most 100% is needed");
}

const refusal = (text: string, needed: string) =>
  new SelfsightError("configuration", `finetune: labels ${text}; ${needed}; 1%, 10% and 10-per-class are usual`);
