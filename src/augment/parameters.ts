// Every parameter of a view is a function of (seed, epoch, sample, view), so batch size, workers and restarts change nothing,
// and taking one augmentation away leaves the others as they were.
import { keyedStream } from "../random.ts";
import type { ViewRecipe } from "./recipe.ts";

export interface ViewKey {
  seed: number;
  epoch: number;
  /** Place of the image in the dataset. */
  sample: number;
  view: number;
}

/** A crop box in pixels of the image. */
export interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

export const jitterKinds = ["brightness", "contrast", "saturation", "hue"] as const;

/** Hue in turns; the others are factors. */
export interface JitterStep {
  kind: (typeof jitterKinds)[number];
  amount: number;
}

/** What is done to one image to make one view. */
export interface ViewParameters {
  box: Box;
  isFlipped: boolean;
  /** In the order in which they are applied; empty when the image is not jittered. */
  jitter: readonly JitterStep[];
  isGrayscale: boolean;
  /** Pixels; 0 when the view is not blurred. */
  blurSigma: number;
  isSolarized: boolean;
}

/**
 * The parameters of one view. The numbers are drawn in a fixed order, as many for each augmentation whether it is applied or
 * not; the crop comes last, because it draws as many as it needs.
 */
export function viewParameters(
  recipe: ViewRecipe,
  image: { height: number; width: number },
  { seed, epoch, sample, view }: ViewKey,
): ViewParameters {
  const draw = keyedStream(seed, epoch, sample, view);
  return {
    isFlipped: draw() < recipe.flip,
    isGrayscale: draw() < recipe.grayscale,
    isSolarized: draw() < recipe.solarize.probability,
    blurSigma: blurOf(recipe.blur, draw(), draw),
    jitter: jitterOf(recipe.jitter, draw(), draw),
    box: cropBox(recipe.crop, image, draw),
  };
}

type Draw = () => number;
const between = (draw: Draw, low: number, high: number): number => low + draw() * (high - low);

/** Ten tries of an area and a ratio (even in its logarithm); the first box that fits, at an even place; else the middle. */
export function cropBox(
  { scale, ratio }: ViewRecipe["crop"],
  { height, width }: { height: number; width: number },
  draw: Draw,
): Box {
  const [narrow, wide] = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * between(draw, scale[0], scale[1]);
    const shape = Math.exp(between(draw, narrow, wide));
    const boxWidth = Math.round(Math.sqrt(area * shape));
    const boxHeight = Math.round(Math.sqrt(area / shape));
    if (boxWidth < 1 || boxHeight < 1 || boxWidth > width || boxHeight > height) continue;
    const top = Math.floor(draw() * (height - boxHeight + 1));
    return { width: boxWidth, height: boxHeight, top, left: Math.floor(draw() * (width - boxWidth + 1)) };
  }
  return middleBox(ratio, height, width);
}

/** The largest box in the middle whose ratio is allowed. */
function middleBox([low, high]: readonly [number, number], height: number, width: number): Box {
  const own = width / height;
  const box = {
    width: own > high ? Math.round(height * high) : width,
    height: own < low ? Math.round(width / low) : height,
  };
  const whole = { width: Math.max(1, Math.min(width, box.width)), height: Math.max(1, Math.min(height, box.height)) };
  return { ...whole, top: Math.floor((height - whole.height) / 2), left: Math.floor((width - whole.width) / 2) };
}

function jitterOf(recipe: ViewRecipe["jitter"], chance: number, draw: Draw): JitterStep[] {
  const steps = jitterKinds.map((kind) => ({
    kind,
    amount: (kind === "hue" ? 0 : 1) + between(draw, -recipe[kind], recipe[kind]),
  }));
  for (let last = 3; last > 0; last--) {
    const chosen = Math.floor(draw() * (last + 1));
    [steps[last], steps[chosen]] = [steps[chosen]!, steps[last]!];
  }
  return chance < recipe.probability ? steps : [];
}

function blurOf({ probability, sigma }: ViewRecipe["blur"], chance: number, draw: Draw): number {
  const drawn = between(draw, sigma[0], sigma[1]);
  return chance < probability ? drawn : 0;
}
