// n pictures of the map, D features.  A run's map: where its pictures lie, and what is near what, at every evaluation.
import { makeViews } from "../../augment/index.ts";
import { type Dataset, subset } from "../../data/index.ts";
import { extractFeatures, type Features } from "../../evaluate/index.ts";
import { writeFileDurably } from "../../files.ts";
import type { PixelImage } from "../../report/index.ts";
import { indexTensor, noGrad, scope, tensor } from "../../torch/index.ts";
import { decodeSizeOf, makeObservations, observationsPath, openLines, type TrainState } from "../../train/index.ts";
import { stateRepresentation } from "../online-knn.ts";
import { batchAt, pixelsOf, sheetOf } from "../results/drawn-pictures.ts";
import { rawPictures } from "../results/raw-pictures.ts";
import { bearingAll } from "../results/thumbnails.ts";
import { alignedTo, packed, principalPlane, unitRows, unpacked } from "./projection.ts";
import { mapPlaces, queriesOf, writeSample } from "./sample.ts";

const mostLines = 64;
const neighbourCount = 8;
const viewTile = 96;
const viewPictures = 8;

export interface MapOptions {
  folder: string;
  dataset: Dataset;
  /** Steps done when the run begins or goes on. */
  step: number;
  seed: number;
  /** Told once of a file that cannot be written; the run goes on without it. */
  onProblem: (message: string) => void;
}

/** Writes the map of a run as it stands. Nothing in the run is changed by it. */
export type DrawMap = (state: TrainState) => Promise<void>;

/** Goes on with the map of before `step`. */
export function openMap({ folder, dataset, step, seed, onProblem }: MapOptions): DrawMap {
  const places = mapPlaces(dataset, seed);
  const pictures = bearingAll(subset(dataset, places));
  const path = observationsPath(folder, "map.jsonl");
  const lines = openLines(path, { before: step + 1, most: mostLines, onProblem });
  let hasSample = false;
  return async (state) => {
    const startedAt = performance.now();
    makeObservations(folder);
    if (!hasSample) await writeSample(folder, dataset, places);
    hasSample = true;
    const features = await extractFeatures(stateRepresentation(state), pictures);
    const before = lines.lines().at(-1) as { points: string; scale: number } | undefined;
    const line = mapLine(features, places.length, before);
    await writeViews(folder, dataset, state, places);
    const epoch = Math.floor((state.step - 1) / state.stepsPerEpoch);
    lines.append({ step: state.step, epoch, ...line, seconds: Math.round(performance.now() - startedAt) / 1000 });
  };
}

/** A line of the map; `length` pictures, of which those with features have places. */
export function mapLine(features: Features, length: number, before?: { points: string; scale: number }) {
  const { points: found, explained } = principalPlane(features.values, features.length);
  const points = new Float64Array(2 * length).fill(Number.NaN);
  for (const [row, place] of features.indices.entries()) points.set(found.subarray(2 * row, 2 * row + 2), 2 * place);
  const earlier = before ? unpacked(before) : undefined;
  const aligned = earlier?.length === points.length ? alignedTo(points, earlier) : points;
  return {
    ...packed(aligned),
    explained: Number(explained.toPrecision(4)),
    neighbours: neighboursOf(features, length),
  };
}

/** For each query the places of its nearest pictures by cosine; none for a query without features. */
function neighboursOf({ values, length: count, dimensions, indices }: Features, length: number): number[][] {
  const rowAt = new Map(Array.from(indices, (place, row) => [place, row]));
  const rows = queriesOf(length).map((place) => rowAt.get(place));
  const most = Math.min(neighbourCount, count - 1);
  const known = rows.flatMap((row) => row ?? []);
  if (most < 1 || known.length === 0) return rows.map(() => []);
  const nearest = scope(() =>
    noGrad(() => {
      const all = unitRows(tensor(values, [count, dimensions]));
      const asked = all.indexSelect(0, indexTensor(known));
      const likeness = asked.matmul(all.T); // [Q, n]
      const [, found] = likeness.topk(most + 1);
      return Array.from(found.data() as BigInt64Array, Number);
    }),
  );
  return rows.map((row) => {
    if (row === undefined) return [];
    const at = known.indexOf(row) * (most + 1);
    const others = nearest.slice(at, at + most + 1).filter((other) => other !== row);
    return others.slice(0, most).map((other) => indices[other]!);
  });
}

/** Views of a few pictures as the network saw them in this epoch. */
async function writeViews(
  folder: string,
  dataset: Dataset,
  state: TrainState,
  places: readonly number[],
): Promise<void> {
  const { settings, step, stepsPerEpoch } = state;
  const epoch = Math.floor((step - 1) / stepsPerEpoch);
  const chosen = queriesOf(places.length)
    .slice(0, viewPictures)
    .map((query) => places[query]!);
  const batch = await batchAt(bearingAll(dataset), chosen, decodeSizeOf(settings));
  if (!batch) return;
  const views = makeViews({ ...batch, epoch }, settings.views, { seed: settings.seed });
  const seen = views.map((view, i) => pixelsOf(view, settings.views[i]!.normalize));
  for (const view of views) view.free();
  const rows = rawPictures(batch).flatMap((picture, n): PixelImage[] => [picture, ...seen.map((view) => view[n]!)]);
  const sheet = { tile: viewTile, columns: 1 + views.length };
  const facts = { format: 1, step, epoch, indices: [...batch.indices], views: views.length, ...sheet };
  writeFileDurably(observationsPath(folder, "views.webp"), [await sheetOf(rows, sheet)]);
  writeFileDurably(observationsPath(folder, "views.json"), `${JSON.stringify(facts)}\n`);
}
