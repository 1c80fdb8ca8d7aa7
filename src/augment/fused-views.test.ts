// The fused executor against the tensor operations, over sizes, boxes and parameters of all kinds.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cases,
  difference,
  largestDifference,
  pictureBlock,
  pictureFiles,
  placed,
  plain,
  planesOf,
  recipeOf,
  side,
  tolerance,
  withoutColour,
} from "../../test/view-cases.ts";
import { recipes as shipped } from "../recipes/index.ts";
import { scope, threads } from "../torch/index.ts";
import { fusedView, viewsOf } from "./fused-views.ts";
import { packedFiles } from "./packed.ts";
import { viewParameters } from "./parameters.ts";
import { tensorView } from "./tensor-views.ts";

const runs = { numRuns: 150 };

test.each([3, 1])("views of a block of %i channels are those of the tensor operations", (channels) => {
  fc.assert(
    fc.property(cases, (given) => {
      const drawn = given.all.map((own) => placed(own, given));
      const parameters = channels === 1 ? drawn.map(withoutColour) : drawn;
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

test("views of packed files are those of their planes", () => {
  fc.assert(
    fc.property(cases, (given) => {
      const [own, recipe] = [placed(given.all[0]!, given), recipeOf(given)];
      const file = pictureFiles([given], given.seed)[0]!;
      const apart = scope(() =>
        largestDifference(
          viewsOf(packedFiles([file], "cpu"), recipe, [own]),
          tensorView({ pictures: planesOf(file), recipe, device: "cpu" }, [own]),
          recipe,
        ),
      );
      expect(apart).toBeLessThan(tolerance);
    }),
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
