// Small annotated folders on disk: COCO and VOC.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";

/** Writes a grey picture. */
export async function drawPicture(path: string, width = 20, height = 10): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await sharp({ create: { width, height, channels: 3, background: "grey" } }).toFile(path);
}

/** A COCO file of two pictures of 20 x 10 and one box each, with whatever else is given in its place. */
export function cocoFile(parts: Record<string, unknown> = {}) {
  return {
    images: [
      { id: 1, file_name: "a.png", width: 20, height: 10 },
      { id: 2, file_name: "b.png", width: 20, height: 10 },
    ],
    categories: [
      { id: 3, name: "cat" },
      { id: 5, name: "dog" },
    ],
    annotations: [
      { id: 1, image_id: 1, category_id: 3, bbox: [1, 1, 8, 4], area: 32, iscrowd: 0 },
      { id: 2, image_id: 2, category_id: 5, bbox: [2, 2, 8, 4], area: 32, iscrowd: 0 },
    ],
    ...parts,
  };
}

/** Writes `instances.json` and `images/a.png`, `images/b.png` into a folder. */
export async function drawCoco(folder: string, content: unknown = cocoFile()): Promise<string> {
  for (const name of ["a.png", "b.png"]) await drawPicture(join(folder, "images", name));
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(join(folder, "instances.json"), text);
  return folder;
}

export interface VocObject {
  name?: string;
  box?: readonly (number | string)[];
  difficult?: number;
}

export function vocXml(objects: readonly VocObject[], size = "<width>20</width><height>10</height>"): string {
  const parts = objects.map(({ name = "cat", box = [2, 2, 9, 5], difficult = 0 }) => {
    const [xmin, ymin, xmax, ymax] = box;
    const bounds = `<xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax>`;
    return `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox>${bounds}</bndbox></object>`;
  });
  return `<annotation><filename>x.jpg</filename><size>${size}<depth>3</depth></size>${parts.join("")}</annotation>`;
}

/** Writes annotations by stem, a picture for each, and lists by name. */
export async function drawVoc(
  folder: string,
  annotations: Readonly<Record<string, string>>,
  lists: Readonly<Record<string, readonly string[]>> = {},
): Promise<string> {
  mkdirSync(join(folder, "Annotations"), { recursive: true });
  for (const [stem, xml] of Object.entries(annotations)) {
    writeFileSync(join(folder, "Annotations", `${stem}.xml`), xml);
    await drawPicture(join(folder, "JPEGImages", `${stem}.jpg`));
  }
  if (Object.keys(lists).length > 0) mkdirSync(join(folder, "ImageSets", "Main"), { recursive: true });
  for (const [name, stems] of Object.entries(lists))
    writeFileSync(join(folder, "ImageSets", "Main", `${name}.txt`), `${stems.join("\n")}\n`);
  return folder;
}
