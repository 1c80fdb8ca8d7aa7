// N images, S side of a view, C channels, H height, W width. Views by one call for all that a recipe can say: each picture is
// read once and written once (native/views.cc). The parameters are those of the tensor operations, and so are the views, to rounding.
import type { RawImage } from "../data/index.ts";
import { borrow, fusedViews, type Tensor } from "../torch/index.ts";
import { type Making, resizeFiles, resizesBytes } from "./crop.ts";
import { jitterKinds, type ViewParameters } from "./parameters.ts";
import type { ViewRecipe } from "./recipe.ts";

/** Where the pixels of pictures lie in one array of bytes. */
export interface Packed {
  bytes: Tensor;
  channels: number;
  isInterleaved: boolean;
  places: readonly Place[];
}

interface Place {
  offset: number;
  height: number;
  width: number;
}

/** One view of each picture: [N, 3, S, S], channels-last in memory. */
export function fusedView(making: Making, parameters: readonly ViewParameters[]): Tensor {
  const { pictures, recipe, device } = making;
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
export const viewsOf = (packed: Packed, recipe: ViewRecipe, parameters: readonly ViewParameters[]): Tensor =>
  fusedViews(packed.bytes, recipeNumbers(recipe, packed), jobNumbers(packed.places, parameters));

/** Pictures of one size, [N, C, H, W]. */
function packedBlock(bytes: Tensor): Packed {
  const [count, channels, height, width] = bytes.shape as [number, number, number, number];
  const places = Array.from({ length: count }, (_, i) => ({ offset: i * channels * height * width, height, width }));
  return { bytes, channels, isInterleaved: false, places };
}

/** Pictures of their own sizes, [H, W, 3] each, one behind the other. */
export function packedFiles(files: readonly RawImage[], device: string): Packed {
  const bytes = new Uint8Array(files.reduce((sum, { pixels }) => sum + pixels.length, 0));
  let offset = 0;
  const places = files.map(({ pixels, height, width }) => {
    const place = { offset, height, width };
    bytes.set(pixels, offset);
    offset += pixels.length;
    return place;
  });
  const host = borrow(bytes, [bytes.length]);
  return { bytes: device === "cpu" ? host : host.toDevice(device), channels: 3, isInterleaved: true, places };
}

/** A recipe in the order of native/views.cc. */
function recipeNumbers({ size, crop, blur, solarize, normalize }: ViewRecipe, packed: Packed): Float64Array {
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
function jobNumbers(places: readonly Place[], parameters: readonly ViewParameters[]): Float64Array {
  const numbers = new Float64Array(places.length * numbersOfJob);
  for (const [i, place] of places.entries()) writeJob(numbers, i * numbersOfJob, place, parameters[i]!);
  return numbers;
}

function writeJob(numbers: Float64Array, start: number, { offset, height, width }: Place, own: ViewParameters): void {
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
