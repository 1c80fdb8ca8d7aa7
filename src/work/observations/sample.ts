// The pictures of the map: chosen once by the seed, the same at every epoch and after every resume.
import { existsSync } from "node:fs";
import { type Dataset, sampleName } from "../../data/index.ts";
import { readRegularFile, writeFileDurably } from "../../files.ts";
import { keyedPermutation } from "../../random.ts";
import type { PixelImage } from "../../report/index.ts";
import { observationsPath } from "../../train/index.ts";
import { batchAt, sheetOf } from "../results/drawn-pictures.ts";
import { rawPictures } from "../results/raw-pictures.ts";
import { bearingAll } from "../results/thumbnails.ts";

const mapKey = 0x6d6170;
const mostPictures = 2000;
const fewestPictures = 200;
const queryPictures = 16;
const tile = 32;
/** Pictures that are decoded at a time. */
const atATime = 64;

/** A share of the data, so that looking at them stays a small share of an epoch. */
const dataShare = 1 / 20;

/** Places of the map's pictures in the data, in ascending order. */
export function mapPlaces({ length }: Pick<Dataset, "length">, seed: number): number[] {
  const wanted = Math.min(mostPictures, Math.max(fewestPictures, Math.round(dataShare * length)));
  return [...keyedPermutation(length, seed, mapKey).subarray(0, wanted)].sort((a, b) => a - b);
}

/** Which of the map's pictures are asked for their neighbours: evenly chosen. */
export const queriesOf = (count: number): number[] =>
  Array.from({ length: Math.min(queryPictures, count) }, (_, i) =>
    Math.floor((i * count) / Math.min(queryPictures, count)),
  );

/** sample.json and sample.webp, where they do not stand already. Errors: storage, data. */
export async function writeSample(folder: string, dataset: Dataset, places: readonly number[]): Promise<void> {
  const text = `${JSON.stringify(sampleFacts(dataset, places))}\n`;
  const [facts, sheet] = ["sample.json", "sample.webp"].map((name) => observationsPath(folder, name)) as [
    string,
    string,
  ];
  if (existsSync(sheet) && existsSync(facts) && readRegularFile(facts).toString("utf8") === text) return;
  const pictures = await smallPictures(dataset, places);
  writeFileDurably(sheet, [await sheetOf(pictures, { tile, columns: columnsOf(places.length) })]);
  writeFileDurably(facts, text);
}

const columnsOf = (count: number): number => Math.ceil(Math.sqrt(count));

function sampleFacts(dataset: Dataset, places: readonly number[]) {
  return {
    format: 1,
    length: places.length,
    indices: places,
    names: dataset.kind === "folder" ? places.map((place) => sampleName(dataset, place)) : null,
    labels: dataset.labels ? places.map((place) => dataset.labels![place]) : null,
    classes: dataset.classes ?? null,
    queries: queriesOf(places.length),
    tile,
    columns: columnsOf(places.length),
  };
}

/** In their order; undefined where one cannot be read. */
async function smallPictures(dataset: Dataset, places: readonly number[]): Promise<(PixelImage | undefined)[]> {
  const found = new Map<number, PixelImage>();
  for (let start = 0; start < places.length; start += atATime) {
    const batch = await batchAt(bearingAll(dataset), places.slice(start, start + atATime), tile);
    for (const [i, picture] of (batch ? rawPictures(batch) : []).entries()) found.set(batch!.indices[i]!, picture);
  }
  return places.map((place) => found.get(place));
}
