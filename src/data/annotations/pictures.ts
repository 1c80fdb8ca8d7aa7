// Where the pictures of annotations lie, and how large they are.
import { statSync } from "node:fs";
import { isAbsolute, join, normalize } from "node:path";
import sharp from "sharp";
import { keyedPermutation } from "../../random.ts";
import { decodeImage } from "../decode/decode.ts";
import type { DetectionImage } from "./detection-set.ts";
import type { IssueLog } from "./issues.ts";

/** Pictures that decide which folder is theirs. */
const tried = 32;
/** Headers that are read at once. */
const atOnce = 8;
/** Keeps the choice of checked pictures apart from other uses of a seed. */
const checkKey = 0x73697a65;

const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** A path below a folder, in its shortest form; undefined where it leads out of it. */
export function below(folder: string, name: string): string | undefined {
  const path = normalize(name.replaceAll("\\", "/"));
  if (isAbsolute(path)) return path.startsWith(`${normalize(folder)}/`) ? path : undefined;
  return path === ".." || path.startsWith("../") || path.includes("\0") ? undefined : join(folder, path);
}

/** The folder in which most of the first names are found; undefined where none is in any. */
export function folderOfPictures(names: readonly string[], folders: readonly string[]): string | undefined {
  const sample = names.slice(0, tried);
  const hits = folders.map((folder) => {
    const paths = sample.map((name) => below(folder, name));
    return { folder, count: paths.filter((path) => path !== undefined && isThere(path)).length };
  });
  const best = hits.reduce((most, next) => (next.count > most.count ? next : most), { folder: "", count: 0 });
  return best.count === 0 ? undefined : best.folder;
}

/** The pictures with their paths below `root`; undefined, and counted, where one is not there. */
export function foundPictures(images: readonly DetectionImage[], root: string, issues: IssueLog) {
  return images.map((image) => {
    const path = below(root, image.file);
    if (path !== undefined && isThere(path)) return { ...image, file: path };
    issues.add("image-missing", `${image.file} (picture ${image.id})`);
    return undefined;
  });
}

/**
 * Reads sizes where the annotations have none, and of at most `checks` others (a keyed choice) whether they are what is said there.
 * A picture of another size, or of none, becomes undefined and is counted.
 */
export async function withSizes(images: readonly (DetectionImage | undefined)[], checks: number, issues: IssueLog) {
  const sized = [...images];
  const waiting = placesToRead(images, checks).values();
  const readOn = async () => {
    for (const place of waiting) sized[place] = await sizedPicture(images[place]!, issues);
  };
  await Promise.all(Array.from({ length: atOnce }, readOn));
  return sized;
}

function placesToRead(images: readonly (DetectionImage | undefined)[], checks: number): number[] {
  const unsized = [...images.keys()].filter((place) => images[place] && !isSized(images[place]));
  const sized = [...images.keys()].filter((place) => images[place] && isSized(images[place]));
  const chosen = keyedPermutation(sized.length, 0, checkKey).subarray(0, checks);
  return [...unsized, ...Array.from(chosen, (turn) => sized[turn]!)].sort((a, b) => a - b);
}

const isSized = ({ width, height }: DetectionImage): boolean => width > 0 && height > 0;

async function sizedPicture(image: DetectionImage, issues: IssueLog): Promise<DetectionImage | undefined> {
  const name = `${image.file} (picture ${image.id})`;
  const size = await pictureSize(image.file);
  if (!size) issues.add("image-unreadable", name);
  else if (!isSized(image)) return { ...image, ...size };
  else if (size.width === image.width && size.height === image.height) return image;
  else issues.add("image-size", `${name}: ${size.width}x${size.height}, not ${image.width}x${image.height}`);
  return undefined;
}

/** Width and height of a picture as `decodeImage` shows it, upright; undefined where it cannot be read. */
async function pictureSize(path: string): Promise<{ width: number; height: number } | undefined> {
  try {
    const { autoOrient } = await sharp(path, { limitInputPixels: false }).metadata();
    return { width: autoOrient.width, height: autoOrient.height };
  } catch {
    const image = await decodeImage(path).catch(() => undefined); // what sharp does not know, a BMP
    return image && { width: image.width, height: image.height };
  }
}
