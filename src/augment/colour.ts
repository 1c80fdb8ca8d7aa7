// N images, C channels, S side of a view. What is done to the colours of views [N, C, S, S] in [0, 1].
import { indexTensor, type Tensor, tensor } from "../torch/index.ts";
import { type BlendFactors, blendEach, blur, hue, luma, solarize } from "./operations.ts";
import type { JitterStep, ViewParameters } from "./parameters.ts";
import type { ViewRecipe } from "./recipe.ts";

/** The turn, 0 to 3, in which the hue is moved; -1 where it is not. */
export const hueTurn = ({ jitter }: Pick<ViewParameters, "jitter">): number =>
  jitter.findIndex(({ kind }) => kind === "hue");

/** Jitter, greyscale, blur and solarise, each to the images that drew it. The images must share their hue's turn. */
export function recolor(images: Tensor, recipe: ViewRecipe, parameters: readonly ViewParameters[]): Tensor {
  const threshold = recipe.solarize.threshold / 255;
  const radius = Math.ceil(3 * recipe.blur.sigma[1]);
  const jittered = jitter(images, parameters);
  const greyed = onChosen(jittered, parameters, isGreyed, (chosen) =>
    luma(chosen)
      .expand(...chosen.shape)
      .contiguous(),
  );
  const blurred = onChosen(greyed, parameters, isBlurred, (chosen, own) =>
    blur(
      chosen,
      own.map(({ blurSigma }) => blurSigma),
      radius,
    ),
  );
  return onChosen(blurred, parameters, isSolarized, (chosen) => solarize(chosen, threshold));
}

const isGreyed = ({ isGrayscale }: ViewParameters): boolean => isGrayscale;
const isBlurred = ({ blurSigma }: ViewParameters): boolean => blurSigma > 0;
const isSolarized = (own: ViewParameters): boolean => own.isSolarized;

/** Four turns; each does to every image the step whose turn it is. Grey images have neither hue nor saturation. */
function jitter(images: Tensor, parameters: readonly ViewParameters[]): Tensor {
  let current = images;
  for (let turn = 0; turn < 4; turn++) {
    const steps = parameters.map((own) => own.jitter[turn]);
    const isHue = turn === hueTurn(parameters[0]!);
    current = isHue ? hue(current, amounts(steps, "hue", 0, current.device)) : blendTurn(current, steps);
  }
  return current;
}

function blendTurn(images: Tensor, steps: readonly (JitterStep | undefined)[]): Tensor {
  const factors: BlendFactors = {};
  for (const kind of ["brightness", "contrast", "saturation"] as const)
    if (steps.some((step) => step?.kind === kind)) factors[kind] = amounts(steps, kind, 1, images.device);
  return blendEach(images, factors);
}

/** The amount of each image's step where it is of this kind, else what leaves it as it is: [N, 1, 1, 1]. */
function amounts(
  steps: readonly (JitterStep | undefined)[],
  kind: JitterStep["kind"],
  neutral: number,
  device: string,
): Tensor {
  const values = Float32Array.from(steps, (step) => (step?.kind === kind ? step.amount : neutral));
  return tensor(values, [values.length, 1, 1, 1], { device });
}

/** Applies `change` to the images whose parameters say so, in place, and leaves the others. */
function onChosen(
  images: Tensor,
  parameters: readonly ViewParameters[],
  isChosen: (own: ViewParameters) => boolean,
  change: (chosen: Tensor, own: readonly ViewParameters[]) => Tensor,
): Tensor {
  const places = parameters.flatMap((own, i) => (isChosen(own) ? [i] : []));
  if (places.length === 0) return images;
  if (places.length === parameters.length) return change(images, parameters);
  const index = indexTensor(places, images.device);
  const chosen = images.indexSelect(0, index);
  return images.indexCopy_(
    0,
    index,
    change(
      chosen,
      places.map((place) => parameters[place]!),
    ),
  );
}
