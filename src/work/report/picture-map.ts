// N pictures. The map of a run's pictures at its last evaluation, out of what the run observed.
import type { PictureMap } from "../../report/index.ts";
import { observationsOf } from "../../serve/folder/observations.ts";

/** What a picture without features has for its place. */
const nowhere = -32768;

/** Undefined where no map was drawn. */
export function pictureMap(folder: string): PictureMap | undefined {
  const { map, sample } = observationsOf(folder);
  const last = map.at(-1);
  if (!last) return undefined;
  const places = Buffer.from(last.points, "base64"); // [N, 2] int16
  const points = Array.from({ length: Math.floor(places.length / 4) }, (_, i) => ({
    x: places.readInt16LE(4 * i),
    y: places.readInt16LE(4 * i + 2),
    ...(typeof sample?.labels?.[i] === "number" && { label: sample.labels[i] }),
    ...(sample?.names?.[i] !== undefined && { name: sample.names[i] }),
  }));
  return {
    step: last.step,
    points: points.filter(({ x, y }) => x !== nowhere || y !== nowhere),
    explained: last.explained ?? 0,
    ...(sample?.classes && { classes: sample.classes }),
  };
}
