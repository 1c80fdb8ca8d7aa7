// Which file of a folder has the COCO annotations of which part.
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { didYouMean, displayName, SelfsightError } from "../../../errors.ts";

/** To learn from, to choose by, to report on. */
export type Role = "train" | "val" | "test";

export interface CocoPart {
  path: string;
  /** The part as the file names it, `train2017`; "" where it names none. */
  tag: string;
  role: Role | undefined;
}

/** Files of COCO beside those of boxes and masks. */
const otherFiles = /^(captions|person_keypoints|image_info|stuff|panoptic)_/;
const tagPattern = /(?:^|[^a-z])((trainval|train|valid|validation|val|test)(\d{4})?)(?![a-z])/i;

/** The JSON files below a folder that may be COCO's: in it, in `annotations/` and in the folders of its parts. */
export function cocoPartsIn(folder: string): CocoPart[] {
  const folders = [".", "annotations", ...namesIn(folder).filter((name) => roleOf(tagOf(name)) !== undefined)];
  const paths = folders.flatMap((below) => jsonFilesIn(join(folder, below)));
  const named = paths.filter((path) => basename(path).startsWith("instances"));
  return (named.length > 0 ? named : paths).map((path) => cocoPart(path, folder));
}

const jsonFilesIn = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => name.endsWith(".json") && !otherFiles.test(name))
    .map((name) => join(folder, name));

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** A file names its part, or the folder below `root` does that it lies in. */
export function cocoPart(path: string, root = dirname(path)): CocoPart {
  const tag = tagOf(basename(path)) || (dirname(path) === root ? "" : tagOf(basename(dirname(path))));
  return { path, tag, role: roleOf(tag) };
}

const tagOf = (name: string): string => tagPattern.exec(name)?.[1] ?? "";

function roleOf(tag: string): Role | undefined {
  const word = tag.toLowerCase().replace(/\d+$/, "");
  if (word.startsWith("val")) return "val";
  return word === "train" || word === "test" ? word : word === "trainval" ? "train" : undefined;
}

/** What is opened of a folder: a file whole, or a keyed part of the only one. */
export interface ChosenPart {
  part: CocoPart;
  keyed?: "train" | "held";
}

/** The file of a split: by its own name, else by its role; the only file without a name is divided by key. */
export function chosenPart(folder: string, parts: readonly CocoPart[], split: string): ChosenPart {
  const own = parts.filter(({ tag }) => tag !== "" && tag === split);
  if (own.length === 1) return { part: own[0]! };
  if (parts.length === 1 && parts[0]!.role !== "val" && parts[0]!.role !== "test") return undivided(parts[0]!, split);
  const wanted = rolesFor(split).map((role) => parts.filter((part) => part.role === role));
  const found = wanted.find((those) => those.length > 0) ?? [];
  if (found.length === 1) return { part: found[0]! };
  if (split === "all" && parts.length === 1) return { part: parts[0]! };
  throw noPart(folder, found.length > 0 ? found : parts, split);
}

/** Of one file: `all` is all of it, the others are keyed parts. */
export function undivided(part: CocoPart, split: string): ChosenPart {
  if (split === "all" || split === part.tag) return { part };
  if (split === "train") return { part, keyed: "train" };
  if (split === "val" || split === "test") return { part, keyed: "held" };
  throw noPart(part.path, [part], split);
}

/** `test` is `val` where there is no test, and the other way round. */
function rolesFor(split: string): Role[] {
  if (split === "train") return ["train"];
  if (split === "val") return ["val", "test"];
  return split === "test" ? ["test", "val"] : [];
}

function noPart(folder: string, parts: readonly CocoPart[], split: string): SelfsightError {
  const names = parts.map(({ path, tag }) => (tag === "" ? basename(path) : `${basename(path)} (${tag})`));
  const known = parts.map(({ tag }) => tag).filter(Boolean);
  return new SelfsightError(
    "data",
    `opening ${displayName(folder)}: split ${displayName(split)} was asked for; there ${names.length === 1 ? "is" : "are"} ${names.map(displayName).join(", ")}; ` +
      `ask for one of them by its name, or give the path of a file.${didYouMean(split, known)}`,
  );
}
