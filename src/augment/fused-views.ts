// N images, S side of a view, C channels, H height, W width. Views by one call for all that a recipe can say: each picture is
// read once and written once (native/views.cc). The parameters are those of the tensor operations, and so are the views, to rounding.
import { fusedViews, type Tensor } from "../torch/index.ts";
import { type Making, resizeFiles, resizesBytes } from "./crop.ts";
import { type PackedPictures, type PicturePlace, packedBlock, packedFiles } from "./packed.ts";
import { jitterKinds, type ViewParameters } from "./parameters.ts";
import type { ViewRecipe } from "./recipe.ts";

/** One view of each picture: [N, 3, S, S], channels-last in memory. */
export function fusedView(making: Making, parameters: readonly ViewParameters[]): Tensor {
  const { pictures, recipe, device } = making;
  if ("packed" in pictures) return viewsOf(pictures.packed, recipe, parameters);
  if ("block" in pictures) return viewsOf(packedBlock(pictures.block), recipe, parameters);
  if (device !== "cpu" || !resizesBytes()) return viewsOf(packedFiles(pictures.files, device), recipe, parameters);
  const target = { size: recipe.size, interpolation: recipe.crop.interpolation, device };
  const resized = packedBlock(resizeFiles(pictures.files, parameters, target));
  return viewsOf(
    resized,
    recipe,
    parameters.map((own) => asItIs(own, recipe.size)),
  );
}

/** What is left to do to a picture that is cropped, resized and flipped. */
const asItIs = (own: ViewParameters, size: number): ViewParameters => ({
  ...own,
  box: { top: 0, left: 0, height: size, width: size },
  isFlipped: false,
});

/** One view of each packed picture. */
export const viewsOf = (packed: PackedPictures, recipe: ViewRecipe, parameters: readonly ViewParameters[]): Tensor =>
  fusedViews(packed.bytes, recipeNumbers(recipe, packed), jobNumbers(packed.places, parameters));

/** A recipe in the order of native/views.cc. */
function recipeNumbers({ size, crop, blur, solarize, normalize }: ViewRecipe, packed: PackedPictures): Float64Array {
  const { mean, std } = normalize;
  return Float64Array.of(
    size,
    Number(packed.channels === 3),
    Number(packed.isInterleaved),
    Number(crop.interpolation === "bicubic"),
    Math.ceil(3 * blur.sigma[1]),
    solarize.threshold / 255,
    ...std.map((value) => 1 / value),
    ...std.map((value, channel) => -mean[channel]! / value),
  );
}

const numbersOfJob = 20;

/** Each picture's place and parameters in the order of native/views.cc: [N, 20]. */
function jobNumbers(places: readonly PicturePlace[], parameters: readonly ViewParameters[]): Float64Array {
  const numbers = new Float64Array(places.length * numbersOfJob);
  for (const [i, place] of places.entries()) writeJob(numbers, i * numbersOfJob, place, parameters[i]!);
  return numbers;
}

function writeJob(
  numbers: Float64Array,
  start: number,
  { offset, height, width }: PicturePlace,
  own: ViewParameters,
): void {
  const { box } = own;
  let at = start;
  numbers[at++] = offset;
  numbers[at++] = height;
  numbers[at++] = width;
  numbers[at++] = box.top;
  numbers[at++] = box.left;
  numbers[at++] = box.height;
  numbers[at++] = box.width;
  numbers[at++] = Number(own.isFlipped);
  numbers[at++] = Number(own.isGrayscale);
  numbers[at++] = Number(own.isSolarized);
  numbers[at++] = own.blurSigma;
  numbers[at++] = own.jitter.length;
  for (const { kind, amount } of own.jitter) {
    numbers[at++] = jitterKinds.indexOf(kind);
    numbers[at++] = amount;
  }
}
