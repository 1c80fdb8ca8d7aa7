// COCO's JSON as a detection set. The file is read twice: pictures and categories may stand behind the annotations that name them.
import { basename } from "node:path";
import { displayName, SelfsightError } from "../../../errors.ts";
import { cocoBox } from "../boxes.ts";
import type { Category, DetectionImage } from "../detection-set.ts";
import type { IssueLog } from "../issues.ts";
import { ObjectCollector } from "../set-builder.ts";
import { maskFacts } from "../stored-masks.ts";
import { readJsonElements } from "./json-elements.ts";
import { cocoMask } from "./segmentation.ts";

/** What a file says of its pictures and categories; `file` of a picture is as it stands there. */
export interface CocoHeads {
  images: DetectionImage[];
  categories: Category[];
}

type Fields = Readonly<Record<string, unknown>>;

/** A picture larger than this is a mistake: its pixels could not be counted in 31 bits. */
const mostPixels = 2 ** 31 - 1;

/**
 * Reads pictures and categories of a COCO file.
 *
 * @throws SelfsightError "data" with file and place for what is no such file, and for ids that mean two things.
 */
export function readCocoHeads(path: string, issues: IssueLog): CocoHeads {
  const file = basename(path);
  const [images, categories] = [[] as DetectionImage[], [] as Category[]];
  const seen = new Map<number | string, DetectionImage>();
  const keys = readJsonElements(path, ["images", "categories"], (key, element, place) => {
    const fields = fieldsOf(element, `${file} ${key}[${place}]`);
    if (key === "categories") return void categories.push(categoryOf(fields, `${file} categories[${place}]`));
    const image = imageOf(fields, `${file} images[${place}]`);
    const same = seen.get(image.id);
    if (!same) images.push(image);
    else if (same.file !== image.file) throw twice(`${file}: picture id ${image.id}`, same.file, image.file);
    else issues.add("duplicate-image", `${file} picture ${image.id}`);
    seen.set(image.id, image);
  });
  for (const key of ["images", "annotations", "categories"]) if (!keys.includes(key)) throw noArray(path, key, keys);
  checkCategories(categories, file);
  return { images: images.sort(byId), categories: categories.sort(byId) };
}

/** Whatever the order of the file; pycocotools takes ties in this one. */
const byId = ({ id: a }: { id: number | string }, { id: b }: { id: number | string }): number =>
  typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;

function fieldsOf(element: unknown, place: string): Fields {
  if (typeof element === "object" && element !== null && !Array.isArray(element)) return element as Fields;
  throw wrong(place, `${JSON.stringify(element).slice(0, 40)} is no object`, "an object is needed");
}

function imageOf({ id, file_name, width, height }: Fields, place: string): DetectionImage {
  if (!isId(id)) throw wrong(place, "it has no id", "a number or a text is needed");
  if (typeof file_name !== "string" || file_name === "") throw wrong(place, "it has no file_name", "one is needed");
  return { id, file: file_name, width: sideOf(width, height, place), height: sideOf(height, width, place) };
}

/** 0 where the file does not say it. */
function sideOf(side: unknown, other: unknown, place: string): number {
  if (side === undefined || side === null || side === 0) return 0;
  const isSide = typeof side === "number" && Number.isInteger(side) && side > 0;
  if (isSide && side * (typeof other === "number" ? other : 1) <= mostPixels) return side;
  throw wrong(place, `its size is ${String(side)} and ${String(other)}`, "whole numbers of pixels are needed");
}

const isId = (id: unknown): id is number | string =>
  (typeof id === "number" && Number.isFinite(id)) || (typeof id === "string" && id !== "");

function categoryOf({ id, name }: Fields, place: string): Category {
  if (typeof id !== "number" || !Number.isInteger(id)) throw wrong(place, "it has no id", "a whole number is needed");
  if (typeof name !== "string" || name === "") throw wrong(place, "it has no name", "one is needed");
  return { id, name };
}

function checkCategories(categories: readonly Category[], file: string): void {
  const names = new Map<number, string>();
  for (const { id, name } of categories) {
    const other = names.get(id);
    if (other !== undefined) throw twice(`${file}: category id ${id}`, other, name);
    names.set(id, name);
  }
}

interface KnownImages {
  /** At the places of the file; undefined for those that are left out. */
  images: readonly (DetectionImage | undefined)[];
  /** The ids of all. */
  ids: readonly (number | string)[];
  categories: readonly Category[];
  issues: IssueLog;
}

/** Reads the annotations of a COCO file onto its pictures, counted without those that are left out. */
export function readCocoObjects(
  path: string,
  { images, ids: imageIds, categories, issues }: KnownImages,
): ObjectCollector {
  const file = basename(path);
  const objects = new ObjectCollector();
  const placeOfImage = new Map(imageIds.map((id, place) => [id, place]));
  const keptPlace = keptPlaces(images);
  const classOf = new Map(categories.map(({ id }, place) => [id, place]));
  const ids = new Set<unknown>();
  readJsonElements(path, ["annotations"], (_, element, place) => {
    const fields = fieldsOf(element, `${file} annotations[${place}]`);
    const name = `${file} ${isId(fields.id) ? `annotation ${fields.id}` : `annotations[${place}]`}`;
    if (isId(fields.id) && ids.has(fields.id)) issues.add("duplicate-annotation", name);
    ids.add(fields.id);
    const image = placeOfImage.get(fields.image_id as number);
    const category = classOf.get(fields.category_id as number);
    if (image === undefined) return issues.add("unknown-image", `${name} (picture ${shown(fields.image_id)})`);
    if (category === undefined)
      return issues.add("unknown-category", `${name} (category ${shown(fields.category_id)})`);
    const size = images[image];
    if (size) addObject(objects, keptPlace[image]!, { fields, size, class: category, name, issues });
  });
  return objects;
}

/** Where each picture stands among those that are kept. */
function keptPlaces(images: readonly unknown[]): Uint32Array {
  let kept = 0;
  return Uint32Array.from(images, (image) => (image === undefined ? 0 : kept++));
}

const shown = (value: unknown): string =>
  value === undefined ? "missing" : (JSON.stringify(value) ?? "").slice(0, 40);

interface Annotation {
  fields: Fields;
  size: DetectionImage;
  class: number;
  name: string;
  issues: IssueLog;
}

function addObject(objects: ObjectCollector, image: number, { fields, size, class: place, name, issues }: Annotation) {
  const report = { name, issues };
  const mask = cocoMask(fields.segmentation, size, report);
  const facts = mask && (fields.bbox === undefined || fields.area === undefined) ? maskFacts(mask, size) : undefined;
  const given = fields.bbox ?? facts?.box;
  const box = cocoBox(given, size, report);
  if (!box) return;
  const [, , width, height] = given as readonly number[];
  const boxArea = width! * height!;
  objects.add(image, {
    id: typeof fields.id === "number" ? fields.id : Number.NaN,
    box,
    class: place,
    isCrowd: isSet(fields.iscrowd),
    isDifficult: isSet(fields.difficult),
    area: typeof fields.area === "number" && fields.area >= 0 ? fields.area : (facts?.area ?? boxArea),
    boxArea,
    mask,
  });
}

const isSet = (flag: unknown): boolean => flag === 1 || flag === true;

const wrong = (place: string, found: string, needed: string) =>
  new SelfsightError("data", `reading ${displayName(place)}: ${displayName(found)}; ${needed}; mend the file`);

const twice = (what: string, first: string, second: string) =>
  new SelfsightError(
    "data",
    `reading ${displayName(what)} stands for ${displayName(first)} and for ${displayName(second)}; an id means one thing; give one of them another id`,
  );

function noArray(path: string, key: string, found: readonly string[]): SelfsightError {
  const there = found.filter(Boolean).slice(0, 8).map(displayName).join(", ");
  return new SelfsightError(
    "data",
    `reading ${displayName(path)}: it has no array "${key}"${there && ` (it has ${there})`}; a COCO file has images, annotations and categories; check that it is one`,
  );
}
