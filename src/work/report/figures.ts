// N images, V views, S side of a picture, D features
import { evaluationImages, makeViews, type Normalization } from "../../augment/index.ts";
import type { Dataset } from "../../data/index.ts";
import { displayName } from "../../errors.ts";
import { type Features, featuresAt, type Neighbours, nearestNeighbours } from "../../evaluate/index.ts";
import { crossCorrelation } from "../../methods/index.ts";
import { keyedPermutation } from "../../random.ts";
import {
  dataUri,
  heatMap,
  type MatrixFigure,
  type NeighbourRow,
  type Report,
  type Thumbnail,
} from "../../report/index.ts";
import { noGrad, scope, type Tensor } from "../../torch/index.ts";
import { decodeSizeOf, embedBatch, type TrainState } from "../../train/index.ts";
import { batchAt, pixelsOf } from "../results/drawn-pictures.ts";
import type { Measured, MeasuredData } from "./scores.ts";

/** Enough that chance leaves a correlation of only 0.03. */
const matrixImages = 1024;
/** Cells that a reader can still tell apart. */
const shownFeatures = 128;
const shownViews = 8;
const shownQueries = 10;
const shownNeighbours = 6;
const viewKey = 0x76696577;
const neighbourKey = 0x6e656172;

// ---- the matrix ----

/** A corner of C, and figures of the whole. */
interface Matrix {
  corner: Float32Array; // [side, side]
  side: number;
  features: number;
  images: number;
  meanDiagonal: number;
  offDiagonal: number;
}

/** The matrix of the network as it stands, over views of the first epoch; undefined where a method compares no pair. */
export async function startMatrix(state: TrainState, dataset: Dataset): Promise<Matrix | undefined> {
  const firstEpoch = keyedPermutation(dataset.length, state.settings.seed, 0);
  const batch = await batchAt(dataset, [...firstEpoch.subarray(0, matrixImages)], decodeSizeOf(state.settings));
  return batch && noGrad(() => scope(() => matrixOf(embedBatch(state, batch), batch.indices.length)));
}

function matrixOf([zA, zB]: readonly Tensor[], images: number): Matrix | undefined {
  if (!zA || !zB || zA.shape.join() !== zB.shape.join()) return undefined;
  const c = crossCorrelation(zA, zB); // [D, D]
  const features = c.size(0);
  const diagonal = c.diagonal();
  const offSquares = c.square().sum().item() - diagonal.square().sum().item();
  const side = Math.min(shownFeatures, features);
  return {
    corner: c.narrow(0, 0, side).narrow(1, 0, side).contiguous().float32(),
    side,
    features,
    images,
    meanDiagonal: diagonal.mean().item(),
    offDiagonal: Math.sqrt(Math.max(0, offSquares) / Math.max(1, features * (features - 1))),
  };
}

/** Both matrices as the page shows them. */
export async function matrixFigures(
  start: Matrix,
  state: TrainState,
  dataset: Dataset,
): Promise<NonNullable<Report["correlation"]>> {
  const end = (await startMatrix(state, dataset))!;
  const { side: shown, features, images } = start;
  return { start: await matrixFigure(start), end: await matrixFigure(end), shown, features, images };
}

const matrixFigure = async ({ corner, side, meanDiagonal, offDiagonal }: Matrix): Promise<MatrixFigure> => ({
  uri: await dataUri(heatMap(corner, side)),
  meanDiagonal,
  offDiagonal,
});

// ---- pictures ----

const unchanged: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

/** Pictures [N, 3, S, S] as addresses; `normalize` is undone. */
const urisOf = (images: Tensor, normalize: Normalization): Promise<string[]> =>
  Promise.all(pixelsOf(images, normalize).map(dataUri));

/** A few pictures, each with its views of the first epoch. */
export async function viewTiles({ settings }: TrainState, dataset: Dataset): Promise<Thumbnail[][]> {
  const { seed, views: recipes, size } = settings;
  const places = [...keyedPermutation(dataset.length, seed, viewKey).subarray(0, shownViews)];
  const batch = await batchAt(dataset, places, settings.decodeSize ?? size);
  if (!batch) return [];
  const normalize = recipes[0]!.normalize;
  const original = await urisOf(evaluationImages(batch, { size, normalize: unchanged }), unchanged);
  const views = makeViews({ ...batch, epoch: 0 }, recipes.slice(0, 2), { seed });
  const changed = await Promise.all(views.map((view) => urisOf(view, normalize)));
  for (const view of views) view.free();
  return original.map((uri, i) => [{ uri }, ...changed.map((uris) => ({ uri: uris[i]! }))]);
}

// ---- neighbours ----

/** Ten queries drawn by the seed, with what is nearest to them by pixels and by the trained features. */
export async function neighbourRows(
  { train, test }: MeasuredData,
  pixels: Measured,
  trained: Measured,
  seed: number,
): Promise<NeighbourRow[]> {
  const order = keyedPermutation(trained.queries.length, seed, neighbourKey).subarray(0, shownQueries);
  const chosen = featuresAt(trained.queries, Uint32Array.from(order));
  const chosenPixels = featuresAt(pixels.queries, Uint32Array.from(order));
  const byPixels = listed(nearestNeighbours(pixels.bank, chosenPixels, shownNeighbours));
  const byTrained = listed(nearestNeighbours(trained.bank, chosen, shownNeighbours));
  const bank = await thumbnailsOf(train, trained.bank, [...byPixels, ...byTrained].flat());
  const queries = await thumbnailsOf(test ?? train, chosen, Array.from(order.keys()));
  const rows = (places: readonly number[]) => places.flatMap((place) => bank.get(place) ?? []);
  return Array.from(order.keys()).flatMap((query) => {
    const own = queries.get(query);
    return own ? [{ query: own, byPixels: rows(byPixels[query]!), byTrained: rows(byTrained[query]!) }] : [];
  });
}

const listed = ({ places, count }: Neighbours): number[][] =>
  Array.from({ length: places.length / count }, (_, query) => [...places.subarray(query * count, (query + 1) * count)]);

/** Thumbnails of the rows of a table of features, by row. */
async function thumbnailsOf(
  dataset: Dataset,
  features: Features,
  rows: readonly number[],
): Promise<Map<number, Thumbnail>> {
  const wanted = [...new Set(rows)];
  const size = thumbnailSize(dataset);
  const rowAt = new Map(wanted.map((row) => [features.indices[row]!, row]));
  const batch = await batchAt(dataset, [...rowAt.keys()], size);
  if (!batch) return new Map();
  const uris = await urisOf(evaluationImages(batch, { size, normalize: unchanged }), unchanged);
  return new Map(
    Array.from(batch.indices, (index, i) => {
      const row = rowAt.get(index)!;
      const label = features.labels?.[row];
      const className = label === undefined ? undefined : displayName(features.classes?.[label] ?? String(label));
      return [row, { uri: uris[i]!, ...(className !== undefined && { className }) }];
    }),
  );
}

/** Small pictures as they are; files small enough that the page stays so. */
const thumbnailSize = (dataset: Dataset): number =>
  dataset.kind === "array" ? Math.min(64, dataset.height, dataset.width) : 64;
