// N images
import { displayName, SelfsightError } from "../errors.ts";
import { type Dataset, digest, type ImageArray, type ImageFolder } from "./dataset.ts";
import { concatenated } from "./picture-files.ts";

/** A part of a dataset with the name of its sub-folder, or of its split. */
export interface FolderPart {
  name: string;
  dataset: Dataset;
}

/**
 * The parts of one dataset, one after the other; `root` is the folder of which their folders are sub-folders. Labels stay where
 * every part has them, by the classes' names. Errors: data, when the parts' pictures do not have one size.
 */
export function joined(name: string, parts: readonly FolderPart[], root = ""): Dataset {
  const datasets = parts.map(({ dataset }) => dataset);
  const whole = {
    name,
    length: datasets.reduce((sum, { length }) => sum + length, 0),
    fingerprint: digest(parts.map((part) => `${part.name} ${part.dataset.fingerprint}`).join("\n")),
    ...joinedLabels(datasets),
  };
  const folders = datasets.filter((dataset) => dataset.kind === "folder");
  if (folders.length === parts.length) return { kind: "folder", root, ...whole, ...joinedFiles(parts) };
  return { kind: "array", ...whole, ...joinedPixels(name, datasets as ImageArray[]) };
}

function joinedFiles(parts: readonly FolderPart[]): Pick<ImageFolder, "files" | "skipped" | "rules"> {
  const folders = parts.map(({ name, dataset }) => ({ below: placeBelow(name), ...(dataset as ImageFolder) }));
  return {
    files: concatenated(folders.map(({ files, below }) => ({ files, changed: below }))),
    skipped: folders.flatMap(({ skipped, below }) => skipped.map(below)),
    rules: folders[0]!.rules, // one for all parts
  };
}

const placeBelow =
  (folder: string) =>
  <Entry extends { label: string }>(entry: Entry): Entry => ({
    ...entry,
    label: `${displayName(folder)}/${entry.label}`,
  });

function joinedPixels(name: string, arrays: readonly ImageArray[]) {
  const { channels, height, width } = arrays[0]!;
  const shapes = new Set(arrays.map((array) => [array.channels, array.height, array.width].join(" x ")));
  if (shapes.size > 1)
    throw new SelfsightError(
      "data",
      `opening ${displayName(name)}: its parts have pictures of ${[...shapes].join(" and ")}; one size is needed; ask for one part`,
    );
  const pixels = new Uint8Array(arrays.reduce((sum, array) => sum + array.pixels.length, 0)); // [N, C, H, W]
  let at = 0;
  for (const array of arrays) {
    pixels.set(array.pixels, at);
    at += array.pixels.length;
  }
  return { pixels, channels, height, width };
}

/** Every part numbers its classes by itself; here each name has one number. */
function joinedLabels(datasets: readonly Dataset[]): { labels?: Int32Array; classes?: readonly string[] } {
  if (datasets.some(({ labels, classes }) => !labels || !classes)) return {};
  const classes = [...new Set(datasets.flatMap((dataset) => dataset.classes!))];
  const numberOf = new Map(classes.map((name, number) => [name, number]));
  const labels = datasets.flatMap((dataset) =>
    Array.from(dataset.labels!, (label) => numberOf.get(dataset.classes![label]!)!),
  );
  return { labels: Int32Array.from(labels), classes }; // [N]
}
