// N images of the batch, n images of a chunk, S side of a view. Views by tensor operations, on any device: the reference that the
// fused executor is held against, and what stands in for it where it cannot run.
import { cat, indexTensor, scope, type Tensor } from "../torch/index.ts";
import { hueTurn, recolor } from "./colour.ts";
import { type Cut, cropBlock, cropFiles, cropPacked, type Making, type Pictures, type Target } from "./crop.ts";
import { normalize } from "./operations.ts";
import { packedAt } from "./packed.ts";
import { jitterKinds, type ViewParameters } from "./parameters.ts";

/** One view of each picture: [N, 3, S, S], channels-last in memory. */
export function tensorView(making: Making, parameters: readonly ViewParameters[]): Tensor {
  const groups = chunks(parameters, imagesPerChunk(making.recipe.size, making.device));
  const order = groups.flat(); // which image stands at each place of the chunks
  const finished = groups.map((places) =>
    scope(() => {
      const own = places.map((place) => parameters[place]!);
      return makeChunk(making, places, own).contiguous("channels_last").permute(0, 2, 3, 1); // [n, S, S, 3]
    }),
  );
  const places = new Array<number>(order.length);
  for (const [at, place] of order.entries()) places[place] = at;
  return cat(finished).indexSelect(0, indexTensor(places, making.device)).permute(0, 3, 1, 2); // [N, 3, S, S]
}

/** On a CPU the some forty passes over a chunk should find it in the second-level cache: about 1 MB of float32. */
const imagesPerChunk = (size: number, device: string): number =>
  device === "cpu" ? Math.max(2, Math.round(800_000 / (3 * size * size * 4))) : Number.MAX_SAFE_INTEGER;

/** Places of images that are made together: those that share their hue's turn, nearly equal orders of jitter side by side. */
function chunks(parameters: readonly ViewParameters[], most: number): number[][] {
  const groups = new Map<number, number[]>();
  const codes = parameters.map(orderCode);
  for (const place of [...codes.keys()].sort((a, b) => codes[a]! - codes[b]!)) {
    const turn = hueTurn(parameters[place]!);
    groups.set(turn, [...(groups.get(turn) ?? []), place]);
  }
  return [...groups.values()].flatMap((places) => slices(places, most));
}

/** The order of the jitter's kinds as digits. */
const orderCode = ({ jitter }: ViewParameters): number =>
  jitter.reduce((code, { kind }) => code * jitterKinds.length + jitterKinds.indexOf(kind), jitter.length);

const slices = (places: readonly number[], most: number): number[][] =>
  Array.from({ length: Math.ceil(places.length / most) }, (_, i) => places.slice(i * most, (i + 1) * most));

function makeChunk({ pictures, recipe, device }: Making, places: readonly number[], own: readonly ViewParameters[]) {
  const target = { size: recipe.size, interpolation: recipe.crop.interpolation, device };
  return normalize(recolor(cropped(pictures, places, own, target), recipe, own), recipe.normalize); // [n, 3, S, S]
}

function cropped(pictures: Pictures, places: readonly number[], cuts: readonly Cut[], target: Target): Tensor {
  if ("block" in pictures)
    return cropBlock(pictures.block.indexSelect(0, indexTensor(places, target.device)), cuts, target);
  if ("packed" in pictures) return cropPacked(packedAt(pictures.packed, places), cuts, target);
  const files = places.map((place) => pictures.files[place]!);
  return cropFiles(files, cuts, target);
}
