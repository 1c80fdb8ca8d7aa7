// Pictures out of archives or lists as a dataset: parts (train, val, test), classes, and an order.
import { displayName, SelfsightError } from "../../errors.ts";
import {
  type Division,
  defaultRules,
  type FolderPart,
  folderFingerprint,
  type ImageFolder,
  type ReadingRules,
  type SkippedFile,
  type Split,
} from "../dataset.ts";
import { acceptedTypes } from "../decode/image-type.ts";
import type { ImageFile } from "../picture-files.ts";
import { listedByReason } from "../said.ts";
import { partNamed } from "../sources/division.ts";

/** What is said of a picture's class. */
export interface SaidClass {
  name: string;
  /** Its number, where classes have an order of their own. */
  place?: number | undefined;
}

export interface ListedPicture {
  file: ImageFile;
  /** What may name its part: its shard, or the list's own word. */
  part: string;
  /** The folders that it lies in, outermost first, and its name; none where they mean nothing. */
  steps: readonly string[];
  said?: SaidClass;
}

export interface Listed {
  pictures: readonly ListedPicture[];
  skipped: readonly SkippedFile[];
}

/** The dataset's parts; `open` gives one. */
export interface ListedFolder {
  division: Division | undefined;
  open(split: Split): ImageFolder | undefined;
}

interface About {
  name: string;
  root: string;
  rules: Partial<ReadingRules>;
}

/** Errors: data, where there is no picture. */
export function folderOf(about: About, listed: Listed): ListedFolder {
  if (listed.pictures.length === 0) throw noPictures(about, listed.skipped);
  const { byPart, rest } = divided(withoutCommonFolder(listed.pictures));
  const division = divisionOf(byPart);
  const whole = (pictures: readonly ListedPicture[]) => folder(about, pictures, listed.skipped, division);
  return {
    division,
    open(split) {
      if (!division) return split === "train" || split === "all" ? whole(rest) : undefined;
      const { train, val, test } = division;
      const parts = split === "all" ? [train, test, val] : [{ train, val, test: test ?? val }[split]];
      const chosen = parts.flatMap((part) => (part ? byPart.get(part.name)! : []));
      return chosen.length === 0 ? undefined : whole(chosen);
    },
  };
}

/** Archives of one folder have its name before all others. */
function withoutCommonFolder(pictures: readonly ListedPicture[]): readonly ListedPicture[] {
  const [first] = pictures[0]!.steps;
  const isCommon = first !== undefined && pictures.every(({ steps }) => steps.length > 2 && steps[0] === first);
  return isCommon ? withoutCommonFolder(pictures.map(withoutFirstStep)) : pictures;
}

const withoutFirstStep = (picture: ListedPicture): ListedPicture => ({ ...picture, steps: picture.steps.slice(1) });

/** By the names of the shards where these say it, else by the outermost folders. */
function divided(pictures: readonly ListedPicture[]) {
  const byShard = grouped(pictures, ({ part }) => /^[A-Za-z]+/.exec(part)?.[0] ?? "");
  if (divisionOf(byShard)) return { byPart: byShard, rest: pictures };
  const byFolder = grouped(pictures, ({ steps }) => (steps.length > 1 ? steps[0]! : ""));
  const inside = new Map([...byFolder].map(([name, group]) => [name, group.map(withoutFirstStep)]));
  return { byPart: inside, rest: pictures };
}

function grouped(pictures: readonly ListedPicture[], nameOf: (picture: ListedPicture) => string) {
  const groups = new Map<string, ListedPicture[]>();
  for (const picture of pictures) {
    const name = nameOf(picture);
    const group = groups.get(name);
    if (group) group.push(picture);
    else groups.set(name, [picture]);
  }
  return groups;
}

function divisionOf(groups: ReadonlyMap<string, readonly ListedPicture[]>): Division | undefined {
  const names = [...groups.keys()];
  const part = (wanted: "train" | "val" | "test"): FolderPart | undefined => {
    const name = partNamed(names, wanted);
    return name === undefined ? undefined : { name, isLabelled: classesOf(groups.get(name)!) !== undefined };
  };
  const [train, val, test] = [part("train"), part("val"), part("test")];
  if (!train || !(val || test)) return undefined;
  const used = [train, val, test].map((found) => found?.name);
  const others = names.filter((name) => !used.includes(name) && name !== "");
  return { train, ...(val && { val }), ...(test && { test }), others };
}

function folder(
  { name, root, rules }: About,
  pictures: readonly ListedPicture[],
  skipped: readonly SkippedFile[],
  division: Division | undefined,
): ImageFolder {
  const files = pictures.map(({ file }) => file);
  const named = files.map(({ label, bytes }) => ({ relative: Buffer.from(label), bytes }));
  return {
    ...{ kind: "folder", name, root, length: files.length, files, skipped },
    ...labelsOf(pictures),
    fingerprint: folderFingerprint(named),
    rules: { ...defaultRules, ...rules },
    ...(division && { division }),
  };
}

function labelsOf(pictures: readonly ListedPicture[]): Pick<ImageFolder, "labels" | "classes"> {
  const classes = classesOf(pictures);
  if (!classes) return {};
  const ordered = [...new Map(classes.map((found) => [found.name, found])).values()].sort(inOrder);
  const numberOf = new Map(ordered.map(({ name }, number) => [name, number]));
  const labels = Int32Array.from(classes, ({ name }) => numberOf.get(name)!);
  return { labels, classes: ordered.map(({ name }) => name) };
}

/** What is said of each, else its outermost folder; undefined where one has neither. */
function classesOf(pictures: readonly ListedPicture[]): SaidClass[] | undefined {
  const said = pictures.map((picture) => picture.said);
  if (said.every((found) => found !== undefined)) return said;
  if (pictures.some(({ steps }) => steps.length < 2)) return undefined;
  return pictures.map(({ steps }) => ({ name: steps[0]! }));
}

/** By their places, else as numbers where both are, else by their bytes. */
function inOrder(a: SaidClass, b: SaidClass): number {
  const places = [a, b].map(({ name, place }) => place ?? (/^\d{1,9}$/.test(name) ? Number(name) : undefined));
  if (places[0] !== undefined && places[1] !== undefined && places[0] !== places[1]) return places[0] - places[1];
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

function noPictures({ name }: About, skipped: readonly SkippedFile[]): SelfsightError {
  const others = skipped.length === 0 ? "nothing in it" : `but ${skipped.length} others: ${listedByReason(skipped)}`;
  return new SelfsightError(
    "data",
    `opening ${displayName(name)}: no pictures, ${others}; ${acceptedTypes} are read; point to what holds some.`,
  );
}
