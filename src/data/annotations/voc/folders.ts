// PASCAL VOC's folders as a detection set: JPEGImages/, Annotations/*.xml and, where they are there, the lists of ImageSets/Main.
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { didYouMean, displayName, SelfsightError } from "../../../errors.ts";
import { readRegularFile } from "../../../files.ts";
import { type Box, checkedBox } from "../boxes.ts";
import type { Category, DetectionImage } from "../detection-set.ts";
import type { IssueLog } from "../issues.ts";
import type { FoundObject } from "../set-builder.ts";
import { readVocAnnotation, type VocAnnotation, type VocObject } from "./xml.ts";

/** VOC's own classes, in its order. */
export const vocClasses: readonly string[] = [
  ..."aeroplane bicycle bird boat bottle bus car cat chair cow".split(" "),
  ..."diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor".split(" "),
];

/** A picture named by a list or by its annotation. */
export interface VocPicture {
  folder: string;
  stem: string;
}

export const isVocFolder = (folder: string): boolean =>
  existsSync(join(folder, "Annotations")) && namesIn(join(folder, "Annotations")).some(isXml);

const isXml = (name: string): boolean => name.toLowerCase().endsWith(".xml");

export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** VOC2007 and VOC2012 below a folder, by `07+12` at the end of its path; undefined where that is not asked. */
export function joinedYears(path: string): string[] | undefined {
  if (basename(path) !== "07+12") return undefined;
  const above = join(path, "..");
  const folders = [join(above, "VOC2007"), join(above, "VOC2012")];
  const missing = folders.filter((folder) => !isVocFolder(folder));
  if (missing.length === 0) return folders;
  throw new SelfsightError(
    "data",
    `opening ${displayName(path)}: ${missing.map(displayName).join(" and ")} ${missing.length === 1 ? "is" : "are"} no VOC folder; 07+12 are VOC2007 and VOC2012 side by side; put both there`,
  );
}

// ---- parts ----

/** The names of the lists of a folder: `train`, `val`, `trainval`, `test`. Lists of one class (`cat_train`) are none. */
export const listsOf = (folder: string): string[] =>
  namesIn(join(folder, "ImageSets", "Main"))
    .filter((name) => name.endsWith(".txt"))
    .map((name) => name.slice(0, -4))
    .filter((name) => !/_(train|val|trainval|test)$/.test(name));

/** The pictures that a list names. Errors: data, for a list that cannot be read. */
export const picturesOfList = (folder: string, list: string): VocPicture[] =>
  linesOf(join(folder, "ImageSets", "Main", `${list}.txt`))
    .map((line) => line.trim().split(/\s+/)[0]!)
    .filter((stem) => stem !== "" && basename(stem) === stem && !stem.includes("\0"))
    .map((stem) => ({ folder, stem }));

function linesOf(path: string): string[] {
  try {
    return readRegularFile(path).toString("utf8").split(/\r?\n/);
  } catch (cause) {
    throw new SelfsightError(
      "data",
      `opening ${displayName(path)}: ${(cause as Error).message}; a list of pictures, one name a line, is needed; check the folder`,
      { cause },
    );
  }
}

export const picturesOfFolder = (folder: string): VocPicture[] =>
  namesIn(join(folder, "Annotations"))
    .filter(isXml)
    .map((name) => ({ folder, stem: name.slice(0, -4) }));

/** The pictures of a split by the lists of one folder; undefined where it has no lists, and the split is keyed. */
export function listedPictures(folder: string, split: string): VocPicture[] | undefined {
  const lists = listsOf(folder);
  if (lists.length === 0 || split === "all") return split === "all" ? picturesOfFolder(folder) : undefined;
  const names = split === "val" ? ["val", "test"] : split === "test" ? ["test", "val"] : [split];
  const name = names.find((wanted) => lists.includes(wanted));
  if (name !== undefined) return picturesOfList(folder, name);
  throw new SelfsightError(
    "data",
    `opening ${displayName(folder)}: split ${displayName(split)} was asked for; ImageSets/Main has ${lists.map(displayName).join(", ")}; ask for one of them.${didYouMean(split, lists)}`,
  );
}

/** The paper's parts of both years: trained on both trainval, reported on the test of 2007. */
export function picturesOfYears([voc2007, voc2012]: readonly string[], split: string): VocPicture[] {
  const parts: Record<string, () => VocPicture[]> = {
    test: () => listedPictures(voc2007!, "test")!,
    train: () => [...picturesOfList(voc2007!, "trainval"), ...picturesOfList(voc2012!, "trainval")],
  };
  const part = parts[split === "trainval" ? "train" : split === "val" ? "test" : split];
  if (part) return part();
  throw new SelfsightError(
    "data",
    `opening 07+12: split ${displayName(split)} was asked for; train (trainval of both years) and test (that of 2007) are there; ask for one of them`,
  );
}

/** The classes that the lists of single classes name (`cat_train.txt`); none where there are no such lists. */
export const classesOfLists = (folder: string): string[] => [
  ...new Set(
    namesIn(join(folder, "ImageSets", "Main")).flatMap(
      (name) => /^(.+)_(train|val|trainval|test)\.txt$/.exec(name)?.[1] ?? [],
    ),
  ),
];

// ---- annotations ----

export interface VocEntry {
  picture: VocPicture;
  annotation: VocAnnotation;
}

/** The annotation of each picture; those without one, or with one that cannot be read, are counted and left out. */
export function readEntries(pictures: readonly VocPicture[], issues: IssueLog): VocEntry[] {
  return pictures.flatMap((picture) => {
    const path = join(picture.folder, "Annotations", `${picture.stem}.xml`);
    if (!existsSync(path)) issues.add("image-without-annotation", picture.stem);
    else {
      try {
        return [{ picture, annotation: readVocAnnotation(path) }];
      } catch (cause) {
        issues.add("file-unreadable", `${basename(path)} (${(cause as Error).message})`);
      }
    }
    return [];
  });
}

/** The picture of an entry: by the name of its annotation file, else by the name that stands in it. */
export function vocImage(
  { picture: { folder, stem }, annotation }: VocEntry,
  pictures: ReadonlySet<string>,
): DetectionImage {
  const { filename, width, height } = annotation;
  const endings = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp", ".tif", ".tiff"];
  const found = [...endings.map((ending) => stem + ending), basename(filename)].find((name) => pictures.has(name));
  return { id: stem, file: join(folder, "JPEGImages", found ?? `${stem}.jpg`), width, height };
}

/** The classes of a set, and which of them each spelling means. */
export interface VocClasses {
  categories: Category[];
  placeOf: ReadonlyMap<string, number>;
}

/** Classes by their names: VOC's own in its order where these are all twenty, else by name; a name in another case is the same class. */
export function vocClassesOf(names: readonly string[], issues: IssueLog): VocClasses {
  const counts = new Map<string, number>();
  for (const name of names) if (name !== "") counts.set(name, (counts.get(name) ?? 0) + 1);
  const spelling = spellings(counts, issues);
  const kept = [...new Set(spelling.values())].sort();
  const ordered =
    vocClasses.every((name) => kept.includes(name)) && kept.length === vocClasses.length ? vocClasses : kept;
  return {
    categories: ordered.map((name, place) => ({ id: place + 1, name })),
    placeOf: new Map([...counts.keys()].map((name) => [name, ordered.indexOf(spelling.get(name)!)])),
  };
}

/** Of each name the spelling that is kept: VOC's own, else the commonest. */
function spellings(counts: ReadonlyMap<string, number>, issues: IssueLog): Map<string, string> {
  const best = new Map(vocClasses.map((name) => [name, name]));
  const byCount = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return new Map(
    byCount.map(([name, count]) => {
      const folded = name.toLowerCase();
      const kept = best.get(folded) ?? name;
      best.set(folded, kept);
      if (kept !== name) for (let time = 0; time < count; time++) issues.add("class-case", `${name} for ${kept}`);
      return [name, kept];
    }),
  );
}

/** The object of a picture of this size; undefined, and counted, where it has no name or no box. */
export function vocObject(
  { name, box, isDifficult }: VocObject,
  classes: ReadonlyMap<string, number>,
  size: Pick<DetectionImage, "width" | "height">,
  report: { name: string; issues: IssueLog },
): FoundObject | undefined {
  const place = classes.get(name);
  if (place === undefined) return void report.issues.add("unknown-category", report.name);
  if (!box) return void report.issues.add("no-box", report.name);
  const checked: Box | undefined = checkedBox(box, size, report);
  if (!checked) return undefined;
  const area = (checked[2] - checked[0]) * (checked[3] - checked[1]);
  return { id: Number.NaN, box: checked, class: place, isCrowd: false, isDifficult, area };
}
