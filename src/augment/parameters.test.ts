import { expect, test } from "vitest";
import { keyedStream } from "../random.ts";
import { cropBox, type ViewParameters, viewParameters } from "./parameters.ts";
import { barlowTwinsViews, type ViewRecipe, viewRecipeSchema } from "./recipe.ts";

const count = 6000;
const image = { height: 375, width: 500 };
const [first, second] = barlowTwinsViews({ size: 224 });
const sample = (recipe: ViewRecipe, index: number, view = 0, epoch = 0, seed = 0): ViewParameters =>
  viewParameters(recipe, image, { seed, epoch, sample: index, view });
const drawn = Array.from({ length: count }, (_, i) => sample(first, i));
const drawnSecond = Array.from({ length: count }, (_, i) => sample(second, i, 1));

/** A share over `of` draws lies within four standard errors of p (6e-5 by chance, and the draws are fixed). */
function expectShare(hits: number, of: number, p: number) {
  expect(Math.abs(hits / of - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / of) + 1e-12);
}
const expectRate = (all: readonly ViewParameters[], isHit: (own: ViewParameters) => boolean, p: number) =>
  expectShare(all.filter(isHit).length, all.length, p);

test("flips, greyscale, jitter, blur and solarise come as often as the recipe says", () => {
  expectRate(drawn, ({ isFlipped }) => isFlipped, 0.5);
  expectRate(drawn, ({ isGrayscale }) => isGrayscale, 0.2);
  expectRate(drawn, ({ jitter }) => jitter.length === 4, 0.8);
  expectRate(drawn, ({ jitter }) => jitter.length === 0, 0.2);
  expectRate(drawn, ({ blurSigma }) => blurSigma > 0, 1);
  expectRate(drawn, ({ isSolarized }) => isSolarized, 0);
  expectRate(drawnSecond, ({ blurSigma }) => blurSigma > 0, 0.1);
  expectRate(drawnSecond, ({ isSolarized }) => isSolarized, 0.2);
});

test("the 24 orders of the jitter are equally frequent", () => {
  const orders = new Map<string, number>();
  const jittered = drawn.filter(({ jitter }) => jitter.length > 0);
  for (const { jitter } of jittered) {
    const order = jitter.map(({ kind }) => kind).join(" ");
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  expect(orders.size).toBe(24);
  const expected = jittered.length / 24;
  const chiSquared = [...orders.values()].reduce((sum, found) => sum + (found - expected) ** 2 / expected, 0);
  expect(chiSquared).toBeLessThan(49.7); // 23 degrees of freedom: 0.1 % lie above
});

test("amounts are even over their ranges", () => {
  const ranges = { brightness: [0.6, 1.4], contrast: [0.6, 1.4], saturation: [0.8, 1.2], hue: [-0.1, 0.1] } as const;
  const steps = drawn.flatMap(({ jitter }) => jitter);
  for (const [kind, [low, high]] of Object.entries(ranges)) {
    const shares = steps.filter((step) => step.kind === kind).map(({ amount }) => (amount - low) / (high - low));
    expectEven(shares);
  }
  expectEven(drawn.map(({ blurSigma }) => (blurSigma - 0.1) / 1.9));
});

/** Kolmogorov-Smirnov against the even distribution on [0, 1]; 0.1 % lie above 1.95 / √n. */
function expectEven(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const distance = Math.max(
    ...sorted.map((value, i) => Math.max((i + 1) / sorted.length - value, value - i / sorted.length)),
  );
  expect(distance).toBeLessThan(1.95 / Math.sqrt(sorted.length));
}

test("a crop's area and the logarithm of its ratio are even, where every box fits", () => {
  const crop = { ...first.crop, scale: [0.1, 0.5] as [number, number] };
  const square = { height: 2000, width: 2000 };
  const boxes = Array.from({ length: count }, (_, i) => cropBox(crop, square, keyedStream(1, i)));
  expectEven(boxes.map(({ height, width }) => ((height * width) / 4e6 - 0.1) / 0.4));
  expectEven(boxes.map(({ height, width }) => (Math.log(width / height) - Math.log(3 / 4)) / Math.log(16 / 9)));
  expectEven(boxes.map(({ top, height }) => top / (2000 - height)));
  expectEven(boxes.map(({ left, width }) => left / (2000 - width)));
});

test("a box always lies in the image and is inside the recipe's shares up to rounding", () => {
  for (const { box } of drawn) {
    expect(box.top).toBeGreaterThanOrEqual(0);
    expect(box.left).toBeGreaterThanOrEqual(0);
    expect(box.top + box.height).toBeLessThanOrEqual(375);
    expect(box.left + box.width).toBeLessThanOrEqual(500);
    expect((box.height * box.width) / (375 * 500)).toBeGreaterThan(0.078);
  }
});

test.each([
  [1, 1],
  [1, 5000],
  [5000, 1],
  [2, 3],
])("an image of %i x %i has a box", (height, width) => {
  for (let i = 0; i < 200; i++) {
    const { box } = viewParameters(first, { height, width }, { seed: 0, epoch: 0, sample: i, view: 0 });
    expect(box.height).toBeGreaterThanOrEqual(1);
    expect(box.width).toBeGreaterThanOrEqual(1);
    expect(box.top).toBeGreaterThanOrEqual(0);
    expect(box.top + box.height).toBeLessThanOrEqual(height);
    expect(box.left + box.width).toBeLessThanOrEqual(width);
  }
});

test("where no box fits, it is the largest in the middle whose ratio is allowed", () => {
  expect(cropBox(first.crop, { height: 3, width: 300 }, () => 0.999)).toEqual({
    top: 0,
    left: 148,
    height: 3,
    width: 4,
  });
  expect(cropBox(first.crop, { height: 300, width: 3 }, () => 0.999)).toEqual({
    top: 148,
    left: 0,
    height: 4,
    width: 3,
  });
});

test("a view is a function of seed, epoch, sample and view, and of each of them", () => {
  expect(sample(first, 7)).toEqual(sample(first, 7));
  const others = [sample(first, 8), sample(first, 7, 1), sample(first, 7, 0, 1), sample(first, 7, 0, 0, 1)];
  for (const other of others) expect(other.box).not.toEqual(sample(first, 7).box);
});

test("taking one augmentation away leaves the others' draws as they were", () => {
  const removals: [keyof ViewParameters, Partial<ViewRecipe>][] = [
    ["isFlipped", { flip: 0 }],
    ["jitter", { jitter: { ...second.jitter, probability: 0 } }],
    ["isGrayscale", { grayscale: 0 }],
    ["blurSigma", { blur: { ...second.blur, probability: 0 } }],
    ["isSolarized", { solarize: { ...second.solarize, probability: 0 } }],
    ["box", { crop: { ...second.crop, scale: [1, 1] } }],
  ];
  for (const [changed, removal] of removals)
    for (let i = 0; i < 200; i++) {
      const without = sample({ ...second, ...removal }, i, 1);
      const { [changed]: _, ...kept } = drawnSecond[i]!;
      expect(without).toMatchObject(kept);
    }
});

test("a recipe survives JSON and refuses what makes no sense", () => {
  expect(viewRecipeSchema.parse(JSON.parse(JSON.stringify(second)))).toEqual(second);
  expect(viewRecipeSchema.safeParse({ ...first, crop: { ...first.crop, scale: [0.5, 0.1] } }).success).toBe(false);
  expect(viewRecipeSchema.safeParse({ ...first, flips: 0.5 }).success).toBe(false);
  expect(viewRecipeSchema.safeParse({ ...first, normalize: { mean: [0, 0, 0], std: [1, 0, 1] } }).success).toBe(false);
});
