// A VOC folder, or several, as a detection set.
import { dirname, join } from "node:path";
import { displayName, SelfsightError } from "../../../errors.ts";
import type { DetectionSet } from "../detection-set.ts";
import { IssueLog } from "../issues.ts";
import { keyedPart } from "../keyed-split.ts";
import { foundPictures, withSizes } from "../pictures.ts";
import { detectionSet, ObjectCollector } from "../set-builder.ts";
import {
  classesOfLists,
  listedPictures,
  namesIn,
  picturesOfFolder,
  picturesOfYears,
  readEntries,
  type VocClasses,
  type VocEntry,
  type VocPicture,
  vocClassesOf,
  vocImage,
  vocObject,
} from "./folders.ts";

export interface VocOptions {
  withPictures?: boolean;
  sizeChecks?: number;
}

/** Opens a split of VOC's folders; the classes are those of all parts. */
export async function openVoc(
  name: string,
  folders: readonly string[],
  split: string,
  options: VocOptions,
): Promise<DetectionSet> {
  const issues = new IssueLog();
  const listed = folders.length > 1 ? picturesOfYears(folders, split) : listedPictures(folders[0]!, split);
  if (!listed) countUnannotated(folders[0]!, issues);
  const { entries, classes } = readPart(listed ?? picturesOfFolder(folders[0]!), folders, issues);
  if (entries.length === 0) throw noEntries(name, split, issues);
  const set = await setOf(name, split, { entries, classes, issues }, options);
  return listed ? set : { ...keyedPart(set, keyOf(name, split)), split };
}

/** Pictures that no annotation names; of a folder with lists nobody asks for them. */
function countUnannotated(folder: string, issues: IssueLog): void {
  const annotated = new Set(picturesOfFolder(folder).map(({ stem }) => stem));
  for (const name of namesIn(join(folder, "JPEGImages")))
    if (!annotated.has(name.replace(/\.[^.]*$/, ""))) issues.add("image-without-annotation", name);
}

function keyOf(name: string, split: string): "train" | "held" {
  if (split === "train") return "train";
  if (split === "val" || split === "test") return "held";
  throw new SelfsightError(
    "data",
    `opening ${displayName(name)}: split ${displayName(split)} was asked for; it has no lists in ImageSets/Main; ask for train, val, test or all`,
  );
}

/** The annotations of the wanted pictures, and the classes of all: as the lists of classes say, else as all annotations do. */
function readPart(wanted: readonly VocPicture[], folders: readonly string[], issues: IssueLog) {
  const named = folders.flatMap(classesOfLists);
  const entries = readEntries(wanted, issues);
  if (named.length > 0)
    return { entries, classes: vocClassesOf([...new Set([...named, ...namesOf(entries)])], issues) };
  const known = new Set(wanted.map(({ stem }) => stem));
  const others = folders.flatMap(picturesOfFolder).filter(({ stem }) => !known.has(stem));
  const all = [...entries, ...readEntries(others, new IssueLog())];
  return { entries, classes: vocClassesOf(namesOf(all), issues) };
}

const namesOf = (entries: readonly VocEntry[]): string[] =>
  entries.flatMap(({ annotation }) => annotation.objects.map(({ name }) => name));

interface Part {
  entries: readonly VocEntry[];
  classes: VocClasses;
  issues: IssueLog;
}

async function setOf(name: string, split: string, { entries, classes, issues }: Part, options: VocOptions) {
  const images = await imagesOf(entries, options, issues);
  const kept = images.flatMap((image) => image ?? []);
  const objects = new ObjectCollector();
  let place = 0;
  entries.forEach(({ picture, annotation }, at) => {
    const image = images[at];
    if (!image) return;
    for (const [turn, object] of annotation.objects.entries()) {
      const found = vocObject(object, classes.placeOf, image, {
        name: `${picture.stem}.xml object ${turn + 1}`,
        issues,
      });
      if (found) objects.add(place, found);
    }
    if (annotation.objects.length === 0) issues.add("image-without-objects", picture.stem);
    place++;
  });
  const { categories } = classes;
  return detectionSet({
    name,
    layout: "voc",
    split,
    images: kept,
    categories,
    ...objects.laidOut(kept.length),
    issues: issues.report(),
  });
}

async function imagesOf(
  entries: readonly VocEntry[],
  { withPictures = true, sizeChecks = 10_000 }: VocOptions,
  issues: IssueLog,
) {
  const names = new Map<string, ReadonlySet<string>>();
  const images = entries.map((entry) => {
    const { folder } = entry.picture;
    const pictures = names.get(folder) ?? new Set(namesIn(join(folder, "JPEGImages")));
    names.set(folder, pictures);
    return vocImage(entry, pictures);
  });
  if (!withPictures) return images;
  const found = images.map((image) => foundPictures([image], dirname(image.file), issues)[0]);
  if (found.every((image) => image === undefined)) throw noPictures(images[0]!.file);
  return withSizes(found, sizeChecks, issues);
}

const noPictures = (first: string) =>
  new SelfsightError(
    "data",
    `opening annotations: none of their pictures is there, ${displayName(first)} not either; JPEGImages/ beside Annotations/ is needed; put the pictures there`,
  );

function noEntries(name: string, split: string, issues: IssueLog): SelfsightError {
  const reasons = issues.report().map(({ count, what, first }) => `${what}: ${count} (${first[0]})`);
  return new SelfsightError(
    "data",
    `opening ${displayName(name)}: split ${displayName(split)} has no annotation that can be read${reasons.length > 0 ? `: ${reasons.join(", ")}` : ""}; check Annotations/ and ImageSets/Main/`,
  );
}
