// Makes views of all kinds and prints how far they lie from the tensor operations. Run under the sanitizers (sanitizers.mjs).
import fc from "fast-check";
import { viewsOf } from "../src/augment/fused-views.ts";
import { packedFiles } from "../src/augment/packed.ts";
import { scope } from "../src/torch/index.ts";
import {
  type Case,
  cases,
  difference,
  pictureBlock,
  pictureFiles,
  placed,
  recipeOf,
  withoutColour,
} from "./view-cases.ts";

function differenceOf(given: Case, channels: number): number {
  const drawn = given.all.map((own) => placed(own, given));
  const parameters = channels === 1 ? drawn.map(withoutColour) : drawn;
  return difference(pictureBlock(parameters.length, channels, given, given.seed), recipeOf(given), parameters);
}

function packed(given: Case): void {
  const files = pictureFiles([given], given.seed);
  scope(() => void viewsOf(packedFiles(files, "cpu"), recipeOf(given), [placed(given.all[0]!, given)]));
}

const drawn = fc.sample(cases, { numRuns: 150, seed: 2 });
drawn.forEach(packed);
console.log(Math.max(...drawn.map((given, i) => differenceOf(given, i % 2 === 0 ? 3 : 1))));
