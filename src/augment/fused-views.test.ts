// The fused executor against the tensor operations, over sizes, boxes and parameters of all kinds.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RawImage } from "../data/index.ts";
import { keyedStream } from "../random.ts";
import { recipes as shipped } from "../recipes/index.ts";
import { borrow, scope, threads } from "../torch/index.ts";
import type { Pictures } from "./crop.ts";
import { fusedView } from "./fused-views.ts";
import { jitterKinds, type ViewParameters, viewParameters } from "./parameters.ts";
import { barlowTwinsViews, type ViewRecipe } from "./recipe.ts";
import { tensorView } from "./tensor-views.ts";

const tolerance = 1e-5;
const plain: ViewRecipe = { ...barlowTwinsViews({ size: 8 })[0], solarize: { probability: 0.5, threshold: 128 } };

function randomBytes(length: number, seed: number): Uint8Array {
  const next = keyedStream(seed);
  return Uint8Array.from({ length }, () => 256 * next());
}

interface Size {
  height: number;
  width: number;
}
const pictureBlock = (count: number, channels: number, { height, width }: Size, seed: number): Pictures => ({
  block: borrow(randomBytes(count * channels * height * width, seed), [count, channels, height, width]),
});
const pictureFiles = (sizes: readonly Size[], seed: number): RawImage[] =>
  sizes.map(({ height, width }, i) => ({ pixels: randomBytes(3 * height * width, seed + i), height, width }));

/** The largest difference between both executors' views, but where a value lay at the threshold of solarising. */
function difference(pictures: Pictures, recipe: ViewRecipe, parameters: readonly ViewParameters[]): number {
  return scope(() => {
    const making = { pictures, recipe, device: "cpu" };
    const [ours, reference] = [fusedView(making, parameters), tensorView(making, parameters)];
    expect(ours.shape).toEqual(reference.shape);
    const expected = reference.float32();
    const plane = recipe.size ** 2;
    return ours.float32().reduce((most, value, i) => {
      const apart = Math.abs(value - expected[i]!);
      const isSafe = !atThreshold(expected[i]!, Math.floor(i / plane) % 3, recipe);
      return isSafe || apart < tolerance ? Math.max(most, apart || (Number.isNaN(apart) ? 1 : 0)) : most;
    }, 0);
  });
}

function atThreshold(value: number, channel: number, { normalize, solarize }: ViewRecipe): boolean {
  const colour = value * normalize.std[channel]! + normalize.mean[channel]!;
  const threshold = solarize.threshold / 255;
  return Math.min(Math.abs(colour - threshold), Math.abs(1 - colour - threshold)) < tolerance;
}

const side = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 7, max: 70 }));
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

function placed(
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

const cases = fc.record({
  height: side,
  width: side,
  size: side,
  interpolation: fc.constantFrom("bicubic" as const, "bilinear" as const),
  seed: fc.integer({ min: 0, max: 1000 }),
  blur: fc.double({ min: 0.3, max: 3, noNaN: true }),
  all: fc.array(drawn, { minLength: 1, maxLength: 5 }),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

const recipeOf = ({ size, interpolation, blur }: Case): ViewRecipe => ({
  ...plain,
  size,
  crop: { ...plain.crop, interpolation },
  blur: { probability: 0.5, sigma: [0.05, blur] },
});

const runs = { numRuns: 150 };

test.each([3, 1])("views of a block of %i channels are those of the tensor operations", (channels) => {
  const isKept = ({ kind }: { kind: string }) => channels === 3 || kind === "brightness" || kind === "contrast";
  fc.assert(
    fc.property(cases, (given) => {
      const parameters = given.all
        .map((own) => placed(own, given))
        .map((own) => ({ ...own, isGrayscale: own.isGrayscale && channels === 3, jitter: own.jitter.filter(isKept) }));
      const pictures = pictureBlock(parameters.length, channels, given, given.seed);
      expect(difference(pictures, recipeOf(given), parameters)).toBeLessThan(tolerance);
    }),
    runs,
  );
});

test("views of files are those of the tensor operations", () => {
  fc.assert(
    fc.property(
      cases,
      fc.array(fc.record({ height: side, width: side }), { minLength: 5, maxLength: 5 }),
      (given, sizes) => {
        const parameters = given.all.map((own, i) => placed(own, sizes[i]!));
        const files = pictureFiles(sizes.slice(0, parameters.length), given.seed);
        expect(difference({ files }, recipeOf(given), parameters)).toBeLessThan(tolerance);
      },
    ),
    runs,
  );
});

test.each([
  [1, 5000],
  [5000, 1],
  [700, 3],
])("pictures of %i x %i pixels are, too", (height, width) => {
  const size = { height, width };
  for (const seed of [0, 1, 2]) {
    const parameters = [0, 1].map((sample) => viewParameters(plain, size, { seed, epoch: 0, sample, view: 0 }));
    expect(difference(pictureBlock(2, 3, size, seed), plain, parameters)).toBeLessThan(tolerance);
  }
});

const shippedViews = Object.entries(shipped).flatMap(([name, { views }]) =>
  (views ?? []).map((recipe, view) => [`${name}, view ${view}`, recipe, view] as const),
);

test.each(shippedViews)("the shipped recipe %s is, too", (_, recipe, view) => {
  const size = { height: 57, width: 40 };
  const parameters = Array.from({ length: 24 }, (_, sample) =>
    viewParameters(recipe, size, { seed: 0, epoch: 0, sample, view }),
  );
  expect(difference(pictureBlock(24, 3, size, 1), recipe, parameters)).toBeLessThan(tolerance);
});

test("the number of threads changes no bit", () => {
  const parameters = Array.from({ length: 12 }, (_, sample) =>
    viewParameters(plain, { height: 20, width: 30 }, { seed: 0, epoch: 0, sample, view: 0 }),
  );
  const pictures = pictureBlock(12, 3, { height: 20, width: 30 }, 1);
  const before = threads();
  const [one, several] = [1, 3].map((count) => {
    threads(count);
    return scope(() => fusedView({ pictures, recipe: plain, device: "cpu" }, parameters).float32());
  });
  threads(before);
  expect(several).toEqual(one);
});
