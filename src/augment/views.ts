// N images, S side of a view, C channels, H height, W width
import type { Batch, PixelBlock, RawImage } from "../data/index.ts";
import { cat, noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import { hueTurn, recolor } from "./colour.ts";
import { type Cut, cropBlock, cropFiles, floats, type Target, uploadBlock } from "./crop.ts";
import { normalize } from "./operations.ts";
import { jitterKinds, type ViewParameters, viewParameters } from "./parameters.ts";
import type { Normalization, ViewRecipe } from "./recipe.ts";

export interface MakeViewsOptions {
  seed: number;
  /** Default "cpu". */
  device?: string;
}

/** The pictures of a batch: a block of bytes [N, C, H, W] on the device, or pictures of their own sizes. */
type Pictures = { block: Tensor } | { files: readonly RawImage[] };

interface Making {
  pictures: Pictures;
  recipe: ViewRecipe;
  device: string;
}

/**
 * The views of a batch, one [N, 3, S, S] for each recipe, float32, normalised, channels-last in memory. An image's view
 * depends on (seed, epoch, sample, view) and its pixels alone, whatever else is in the batch.
 */
export function makeViews(
  batch: Batch,
  recipes: readonly ViewRecipe[],
  { seed, device = "cpu" }: MakeViewsOptions,
): Tensor[] {
  return noGrad(() =>
    scope(() => {
      const pictures = picturesOf(batch.images, device);
      return recipes.map((recipe, view) => {
        const parameters = parametersOf(batch, recipe, seed, view);
        return scope(() => makeView({ pictures, recipe, device }, parameters));
      });
    }),
  );
}

const isBlock = (images: Batch["images"]): images is PixelBlock => !Array.isArray(images);

const picturesOf = (images: Batch["images"], device: string): Pictures =>
  isBlock(images) ? { block: uploadBlock(images, device) } : { files: images };

function parametersOf({ images, indices, epoch }: Batch, recipe: ViewRecipe, seed: number, view: number) {
  const sizeOf = (place: number) => (isBlock(images) ? images : images[place]!);
  const drawn = Array.from(indices, (sample, place) =>
    viewParameters(recipe, sizeOf(place), { seed, epoch, sample, view }),
  );
  return isBlock(images) && images.channels === 1 ? drawn.map(withoutColour) : drawn;
}

/** What is left to do to a grey image: it has neither hue nor saturation. */
const withoutColour = (own: ViewParameters): ViewParameters => ({
  ...own,
  isGrayscale: false,
  jitter: own.jitter.filter(({ kind }) => kind === "brightness" || kind === "contrast"),
});

function makeView(making: Making, parameters: readonly ViewParameters[]): Tensor {
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
  return cat(finished).indexSelect(0, indexOf(places, making.device)).permute(0, 3, 1, 2); // [N, 3, S, S]
}

const indexOf = (places: readonly number[], device: string): Tensor =>
  tensor(BigInt64Array.from(places, BigInt), [places.length], { device });

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
    return cropBlock(pictures.block.indexSelect(0, indexOf(places, target.device)), cuts, target);
  const files = places.map((place) => pictures.files[place]!);
  return cropFiles(files, cuts, target);
}

// ---- evaluation ----

/**
 * Images as they are measured, [N, 3, S, S]: the middle, normalised, no chance in it. Below 224 pixels the shorter side becomes S; from
 * there on it becomes S · 256 / 224, as ImageNet is measured (the official evaluate.py).
 */
export function evaluationImages(
  { images }: Pick<Batch, "images" | "indices">,
  { size, normalize: normalization, device = "cpu" }: { size: number; normalize: Normalization; device?: string },
): Tensor {
  return noGrad(() => scope(() => normalize(middles(images, size, device), normalization).contiguous("channels_last")));
}

function middles(images: Batch["images"], size: number, device: string): Tensor {
  const target: Target = { size, interpolation: "bicubic", device };
  const share = size < 224 ? 1 : 224 / 256;
  if (!isBlock(images))
    return cropFiles(
      images,
      images.map((image) => middle(image, share)),
      target,
    );
  const bytes = uploadBlock(images, device);
  if (share === 1 && images.height === size && images.width === size) return floats(bytes);
  return cropBlock(bytes, Array<Cut>(bytes.size(0)).fill(middle(images, share)), target);
}

/** The square in the middle whose side is `share` of the shorter one. */
function middle({ height, width }: { height: number; width: number }, share: number): Cut {
  const side = Math.max(1, Math.round(share * Math.min(height, width)));
  const box = { top: Math.floor((height - side) / 2), left: Math.floor((width - side) / 2), height: side, width: side };
  return { box, isFlipped: false };
}
