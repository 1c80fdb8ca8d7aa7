import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { CallError, displayName, SelfsightError } from "../../errors.ts";
import { readCocoHeads, readCocoObjects } from "./coco/file.ts";
import { type ChosenPart, chosenPart, cocoPart, cocoPartsIn, undivided } from "./coco/parts.ts";
import type { DetectionImage, DetectionSet } from "./detection-set.ts";
import { type Issue, IssueLog } from "./issues.ts";
import { keyedPart } from "./keyed-split.ts";
import { folderOfPictures, foundPictures, withSizes } from "./pictures.ts";
import { detectionSet } from "./set-builder.ts";
import { isVocFolder, joinedYears } from "./voc/folders.ts";
import { openVoc } from "./voc/set.ts";

export interface OpenDetectionOptions {
  /**
   * The part wanted: by its name in the layout (`trainval`, `val2017`), or `train`, `val`, `test` or `all`. `test` is `val` where there is
   * no test, and the other way round. Where the data name no parts, a fifth of the pictures is held out, by key and by class.
   * Default "train".
   */
  split?: string;
  /** Whether the pictures must be there. Without them only annotations are read, and files are named as they are there. Default true. */
  withPictures?: boolean;
  /** How many pictures' headers are compared with the sizes that the annotations say, at most: a keyed choice. Default 10,000. */
  sizeChecks?: number;
}

/**
 * Opens annotated pictures: a folder in the layout of PASCAL VOC (`JPEGImages/`, `Annotations/*.xml`, lists in `ImageSets/Main/`), two years of
 * it together (`VOCdevkit/07+12`), a COCO JSON file, or a folder with one beside or above its pictures.
 *
 * What is wrong in the annotations is counted and named in `issues`, and left out or kept as it says there.
 *
 * @throws SelfsightError "data" where there are no annotations, no pictures, no such split, or ids mean two things.
 */
export async function openDetectionSet(path: string, options: OpenDetectionOptions = {}): Promise<DetectionSet> {
  const set = await openPart(path, options);
  return { ...set, issues: [...set.issues, ...absentClasses(set)] };
}

/** Nobody can learn a class that is not shown, nor be measured on it. */
function absentClasses({ categories, objects }: DetectionSet): Issue[] {
  const issues = new IssueLog();
  const shown = new Set(objects.classes);
  for (const [place, { name }] of categories.entries()) if (!shown.has(place)) issues.add("class-absent", name);
  return issues.report();
}

async function openPart(path: string, options: OpenDetectionOptions): Promise<DetectionSet> {
  const { split = "train" } = options;
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    throw new CallError("openDetectionSet: no path was given; a folder or a COCO JSON file is needed; check the call");
  if (typeof split !== "string" || split === "")
    throw new CallError(
      "openDetectionSet: no split was named; train, val, test, all or a name of the layout is needed; check the call",
    );
  const whole = resolve(path);
  const years = joinedYears(whole);
  if (years) return openVoc(basename(whole), years, split, options);
  const kind = statSync(whole, { throwIfNoEntry: false });
  if (!kind) throw new SelfsightError("data", `opening ${displayName(path)}: it does not exist; check the path`);
  if (kind.isFile()) return openCoco(basename(whole), undivided(cocoPart(whole), split), options);
  if (isVocFolder(whole)) return openVoc(basename(whole), [whole], split, options);
  const parts = cocoPartsIn(whole);
  if (parts.length === 0) throw noAnnotations(whole);
  return openCoco(basename(whole), chosenPart(whole, parts, split), options);
}

async function openCoco(name: string, { part, keyed }: ChosenPart, options: OpenDetectionOptions) {
  const issues = new IssueLog();
  const heads = readCocoHeads(part.path, issues);
  const found = await picturesOf(heads.images, foldersFor(part), options, issues);
  const kept = found.flatMap((image) => image ?? []);
  const ids = heads.images.map(({ id }) => id);
  const objects = readCocoObjects(part.path, { images: found, ids, categories: heads.categories, issues });
  const laidOut = objects.laidOut(kept.length);
  reportEmpty(kept, laidOut.firstObject, issues);
  const split = part.tag || options.split || "train";
  const whole = detectionSet({
    name,
    layout: "coco",
    split,
    images: kept,
    categories: heads.categories,
    ...laidOut,
    issues: issues.report(),
  });
  return keyed ? { ...keyedPart(whole, keyed), split } : whole;
}

/** The pictures that are there, in their sizes, each at its place; undefined is left out. */
export async function picturesOf(
  images: readonly DetectionImage[],
  folders: readonly string[],
  { withPictures = true, sizeChecks = 10_000 }: OpenDetectionOptions,
  issues: IssueLog,
): Promise<(DetectionImage | undefined)[]> {
  if (!withPictures) return [...images];
  const names = images.map(({ file }) => file);
  const root = folderOfPictures(names, folders);
  if (root === undefined) throw noPictures(names, folders);
  return withSizes(foundPictures(images, root, issues), sizeChecks, issues);
}

/** Where the pictures of a COCO file may lie: beside it, in a folder of its part's name, above it. */
function foldersFor({ path, tag, role }: ChosenPart["part"]): string[] {
  const own = dirname(path);
  const parts = [tag, role ?? ""].filter((name, at, all) => name !== "" && all.indexOf(name) === at);
  const within = (folder: string) =>
    [".", ...parts, "images", ...parts.map((name) => `images/${name}`), "JPEGImages"].map((name) => join(folder, name));
  return [...within(own), ...within(dirname(own))];
}

export function reportEmpty(images: readonly DetectionImage[], firstObject: Uint32Array, issues: IssueLog): void {
  images.forEach(({ id }, place) => {
    if (firstObject[place] === firstObject[place + 1]) issues.add("image-without-objects", `picture ${id}`);
  });
}

function noPictures(names: readonly string[], folders: readonly string[]): SelfsightError {
  const first = names[0] === undefined ? "none are listed" : `${displayName(names[0])} is in none of them`;
  return new SelfsightError(
    "data",
    `opening annotations: their pictures were looked for in ${[...new Set(folders)].map(displayName).join(", ")}; ${first}; put the pictures into one of these`,
  );
}

const noAnnotations = (folder: string) =>
  new SelfsightError(
    "data",
    `opening ${displayName(folder)}: no annotations; Annotations/*.xml (PASCAL VOC) or a COCO JSON file is needed; give the folder that holds them, or the file`,
  );
