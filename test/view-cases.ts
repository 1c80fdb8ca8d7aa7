// Pictures, recipes and parameters of all kinds, and how far two executors' views of them lie apart.
import fc from "fast-check";
import type { Pictures } from "../src/augment/crop.ts";
import { fusedView } from "../src/augment/fused-views.ts";
import { jitterKinds, type ViewParameters } from "../src/augment/parameters.ts";
import { barlowTwinsViews, type ViewRecipe } from "../src/augment/recipe.ts";
import { tensorView } from "../src/augment/tensor-views.ts";
import type { RawImage } from "../src/data/index.ts";
import { keyedStream } from "../src/random.ts";
import { borrow, scope, type Tensor } from "../src/torch/index.ts";

/** In units of normalised colours. */
export const tolerance = 1e-5;
export const plain: ViewRecipe = {
  ...barlowTwinsViews({ size: 8 })[0],
  solarize: { probability: 0.5, threshold: 128 },
};

function randomBytes(length: number, seed: number): Uint8Array {
  const next = keyedStream(seed);
  return Uint8Array.from({ length }, () => 256 * next());
}

export interface Size {
  height: number;
  width: number;
}
export const pictureBlock = (count: number, channels: number, { height, width }: Size, seed: number): Pictures => ({
  block: borrow(randomBytes(count * channels * height * width, seed), [count, channels, height, width]),
});
export const pictureFiles = (sizes: readonly Size[], seed: number): RawImage[] =>
  sizes.map(({ height, width }, i) => ({ pixels: randomBytes(3 * height * width, seed + i), height, width }));

/** The largest difference between views [N, 3, S, S] and those expected, but where a value lay at the threshold of solarising. */
export function largestDifference(views: Tensor, expected: Tensor, recipe: ViewRecipe): number {
  const [ours, reference] = [views.float32(), expected.float32()];
  const plane = recipe.size ** 2;
  if (ours.length !== reference.length) return Number.POSITIVE_INFINITY;
  return ours.reduce((most, value, i) => {
    const apart = Math.abs(value - reference[i]!);
    if (Number.isNaN(apart)) return Number.POSITIVE_INFINITY;
    const isSafe = apart < tolerance || !atThreshold(reference[i]!, Math.floor(i / plane) % 3, recipe);
    return isSafe ? Math.max(most, apart) : most;
  }, 0);
}

/** The fused executor's views against those of the tensor operations. */
export const difference = (pictures: Pictures, recipe: ViewRecipe, parameters: readonly ViewParameters[]): number =>
  scope(() => {
    const making = { pictures, recipe, device: "cpu" };
    return largestDifference(fusedView(making, parameters), tensorView(making, parameters), recipe);
  });

function atThreshold(value: number, channel: number, { normalize, solarize }: ViewRecipe): boolean {
  const colour = value * normalize.std[channel]! + normalize.mean[channel]!;
  const threshold = solarize.threshold / 255;
  return Math.min(Math.abs(colour - threshold), Math.abs(1 - colour - threshold)) < tolerance;
}

export const side = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 7, max: 70 }));
const amount = { brightness: [0, 2], contrast: [0, 2], saturation: [0, 2], hue: [-0.5, 0.5] } as const;
const share = fc.double({ min: 0, max: 0.999, noNaN: true });
const jitters = fc
  .shuffledSubarray([...jitterKinds])
  .chain((kinds) =>
    fc.tuple(
      ...kinds.map((kind) =>
        share.map((at) => ({ kind, amount: amount[kind][0] + at * (amount[kind][1] - amount[kind][0]) })),
      ),
    ),
  );

/** Parameters of a picture whose size becomes known later: its box as shares of it. */
const drawn = fc.record({
  place: fc.tuple(share, share, share, share),
  isFlipped: fc.boolean(),
  isGrayscale: fc.boolean(),
  isSolarized: fc.boolean(),
  blurSigma: fc.oneof(fc.constant(0), fc.double({ min: 0.05, max: 3, noNaN: true })),
  jitter: jitters,
});

export function placed(
  { place: [y, x, tall, wide], ...own }: typeof drawn extends fc.Arbitrary<infer T> ? T : never,
  size: Size,
): ViewParameters {
  const height = 1 + Math.floor(tall * size.height);
  const width = 1 + Math.floor(wide * size.width);
  const box = {
    height,
    width,
    top: Math.floor(y * (size.height - height + 1)),
    left: Math.floor(x * (size.width - width + 1)),
  };
  return { ...own, box };
}

export const cases = fc.record({
  height: side,
  width: side,
  size: side,
  interpolation: fc.constantFrom("bicubic" as const, "bilinear" as const),
  seed: fc.integer({ min: 0, max: 1000 }),
  blur: fc.double({ min: 0.3, max: 3, noNaN: true }),
  all: fc.array(drawn, { minLength: 1, maxLength: 5 }),
});
export type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

export const recipeOf = ({ size, interpolation, blur }: Case): ViewRecipe => ({
  ...plain,
  size,
  crop: { ...plain.crop, interpolation },
  blur: { probability: 0.5, sigma: [0.05, blur] },
});

/** What is left of parameters for a grey picture. */
export const withoutColour = (own: ViewParameters): ViewParameters => ({
  ...own,
  isGrayscale: false,
  jitter: own.jitter.filter(({ kind }) => kind === "brightness" || kind === "contrast"),
});

/** The planes [1, 3, H, W] of a file's pixels. */
export function planesOf({ pixels, height, width }: RawImage): Pictures {
  const plane = height * width;
  const planes = Uint8Array.from({ length: 3 * plane }, (_, i) => pixels[3 * (i % plane) + Math.floor(i / plane)]!);
  return { block: borrow(planes, [1, 3, height, width]) };
}
