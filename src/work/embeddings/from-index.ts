// N pictures, D features
import type { Dataset } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import type { BadFile, Features } from "../../evaluate/index.ts";
import { pictureName } from "../pictures.ts";
import type { OpenedRepresentation } from "../representation.ts";
import { loadIndex, type PictureIndex } from "./picture-index.ts";

/**
 * The features of pictures that an index has already, as if they had been computed anew.
 *
 * @throws SelfsightError "checkpoint" when the index is damaged or of another network, or lacks some of the pictures.
 */
export async function featuresInIndex(
  file: string,
  representation: Pick<OpenedRepresentation, "trunk" | "name">,
  dataset: Dataset,
): Promise<Features> {
  const index = await loadIndex(file);
  if (index.notes.trunk !== representation.trunk()) throw ofAnother(file, index, representation.name);
  const { rows, indices, badFiles } = placesIn(file, index, dataset);
  const { dimensions } = index;
  const values = new Float32Array(rows.length * dimensions); // [N, D]
  rows.forEach((row, place) => {
    values.set(index.vector(row), place * dimensions);
  });
  return {
    values,
    length: rows.length,
    dimensions,
    indices,
    ...(dataset.labels && { labels: Int32Array.from(indices, (place) => dataset.labels![place]!) }),
    ...(dataset.classes && { classes: dataset.classes }),
    dataset: dataset.name,
    badFiles,
    remarks: [],
  };
}

interface Places {
  /** The row of each picture in the index, and its place in the dataset. */
  rows: number[];
  indices: Uint32Array; // [N]
  badFiles: BadFile[];
}

function placesIn(file: string, { names, notes }: PictureIndex, dataset: Dataset): Places {
  const rowOf = new Map(names.map((name, row) => [name, row]));
  const reasonOf = new Map(notes.badFiles.map(({ name, reason }) => [name, reason]));
  const [rows, places, badFiles, absent]: [number[], number[], BadFile[], string[]] = [[], [], [], []];
  for (let index = 0; index < dataset.length; index++) {
    const name = pictureName(dataset, index);
    const [row, reason] = [rowOf.get(name), reasonOf.get(name)];
    if (row !== undefined) {
      rows.push(row);
      places.push(index);
    } else if (reason !== undefined) badFiles.push({ index, name, reason });
    else absent.push(name);
  }
  if (absent.length > 0) throw incomplete(file, absent, dataset.length);
  return { rows, indices: Uint32Array.from(places), badFiles };
}

const ofAnother = (file: string, { notes }: PictureIndex, name: string) =>
  new SelfsightError(
    "checkpoint",
    `load index ${displayName(file)}: it was made with ${displayName(notes.representation)} (trunk ${notes.trunk.slice(0, 12)}), this is ${displayName(name)}; vectors of one network are needed; make the index with this network, or leave --index out`,
  );

const incomplete = (file: string, absent: readonly string[], pictures: number) =>
  new SelfsightError(
    "checkpoint",
    `load index ${displayName(file)}: ${absent.length} of ${pictures} pictures are not in it, such as ${displayName(absent[0]!)}; all are needed; run \`selfsight embed\` again, or leave --index out`,
  );
