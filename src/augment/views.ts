// N images, S side of a view, C channels, H height, W width
import type { PixelBlock } from "../data/index.ts";
import { fusedViewsProblem, noGrad, scope, type Tensor, zeros } from "../torch/index.ts";
import { type Cut, cropBlock, cropFiles, cropPacked, floats, type Pictures, type Target, uploadBlock } from "./crop.ts";
import { fusedView } from "./fused-views.ts";
import { normalize } from "./operations.ts";
import { gathered, isPacked, type PlacedBatch } from "./packed.ts";
import { type ViewParameters, viewParameters } from "./parameters.ts";
import type { Normalization, ViewRecipe } from "./recipe.ts";
import { tensorView } from "./tensor-views.ts";

export interface MakeViewsOptions {
  seed: number;
  /** Default "cpu". */
  device?: string;
}

/**
 * The views of a batch, one [N, 3, S, S] for each recipe, float32, normalised, channels-last in memory. An image's view
 * depends on (seed, epoch, sample, view) and its pixels alone, whatever else is in the batch.
 */
export function makeViews(
  batch: PlacedBatch,
  recipes: readonly ViewRecipe[],
  { seed, device = "cpu" }: MakeViewsOptions,
): Tensor[] {
  // of a small batch a process may have no picture
  if (batch.indices.length === 0) return recipes.map(({ size }) => zeros([0, 3, size, size], { device }));
  return noGrad(() =>
    scope(() => {
      const pictures = picturesOf(batch.images, device);
      const executor = fusedViewsProblem(device) === null ? fusedView : tensorView;
      return recipes.map((recipe, view) => {
        const parameters = parametersOf(batch, recipe, seed, view);
        return scope(() => executor({ pictures, recipe, device }, parameters));
      });
    }),
  );
}

type Images = PlacedBatch["images"];

const isBlock = (images: Images): images is PixelBlock => "pixels" in images;

function picturesOf(images: Images, device: string): Pictures {
  if (isPacked(images)) return { packed: images };
  return isBlock(images) ? { block: uploadBlock(images, device) } : { files: images };
}

function parametersOf({ images, indices, epoch }: PlacedBatch, recipe: ViewRecipe, seed: number, view: number) {
  const sizeOf = sizesOf(images);
  const drawn = Array.from(indices, (sample, place) =>
    viewParameters(recipe, sizeOf(place), { seed, epoch, sample, view }),
  );
  return isGrey(images) ? drawn.map(withoutColour) : drawn;
}

function sizesOf(images: Images): (place: number) => { height: number; width: number } {
  if (isPacked(images)) return (place) => images.places[place]!;
  return isBlock(images) ? () => images : (place) => images[place]!;
}

const isGrey = (images: Images): boolean => "channels" in images && images.channels === 1;

/** What is left to do to a grey image: it has neither hue nor saturation. */
const withoutColour = (own: ViewParameters): ViewParameters => ({
  ...own,
  isGrayscale: false,
  jitter: own.jitter.filter(({ kind }) => kind === "brightness" || kind === "contrast"),
});

// ---- evaluation ----

/** Which part of a picture is measured, and how it is resized. */
export interface MiddleCrop {
  /** The middle square's side as a share of the shorter one. */
  share: number;
  interpolation: ViewRecipe["crop"]["interpolation"];
}

/** Shorter side to 256, middle 224, bilinear, as torchvision measures ImageNet; other sizes in proportion. */
export const publishedMiddle: MiddleCrop = { share: 224 / 256, interpolation: "bilinear" };

/**
 * Images as they are measured, [N, 3, S, S]: the middle, normalised, no chance in it. By default below 224 pixels the shorter side
 * becomes S; from there on it becomes S · 256 / 224, as ImageNet is measured (the official evaluate.py), bicubic. Small pictures of
 * one size that have side S already are taken whole below 224 pixels.
 */
export function evaluationImages(
  { images }: Pick<PlacedBatch, "images" | "indices">,
  { size, normalize: normalization, device = "cpu", middle = usualMiddle(size) }: EvaluationView,
): Tensor {
  return noGrad(() =>
    scope(() => normalize(middles(images, { size, device, ...middle }), normalization).contiguous("channels_last")),
  );
}

/** How pictures are brought before a network to be measured. */
export interface EvaluationView {
  size: number;
  normalize: Normalization;
  device?: string;
  middle?: MiddleCrop;
}

const usualMiddle = (size: number): MiddleCrop => ({ share: size < 224 ? 1 : 224 / 256, interpolation: "bicubic" });

function middles(images: Images, { share, ...target }: Target & Pick<MiddleCrop, "share">): Tensor {
  const cutsOf = (sizes: readonly { height: number; width: number }[]) => sizes.map((size) => middle(size, share));
  if (isPacked(images) && images.isInterleaved) return cropPacked(images, cutsOf(images.places), target);
  if (Array.isArray(images)) return cropFiles(images, cutsOf(images), target);
  const { size, device } = target;
  const bytes = isPacked(images) ? gathered(images) : uploadBlock(images, device);
  const [, , height, width] = bytes.shape as [number, number, number, number];
  if (size < 224 && height === size && width === size) return floats(bytes);
  return cropBlock(bytes, Array<Cut>(bytes.size(0)).fill(middle({ height, width }, share)), target);
}

/** The square in the middle whose side is `share` of the shorter one. */
function middle({ height, width }: { height: number; width: number }, share: number): Cut {
  const side = Math.max(1, Math.round(share * Math.min(height, width)));
  const box = { top: Math.floor((height - side) / 2), left: Math.floor((width - side) / 2), height: side, width: side };
  return { box, isFlipped: false };
}
