// Runs the kernels of views on a played GPU and prints how far they lie from the tensor operations. Started by gpu-views.test.ts
// with the played driver on the loader's path.
import fc from "fast-check";
import { carry } from "../../src/augment/feed.ts";
import { viewsOf } from "../../src/augment/fused-views.ts";
import { type PackedPictures, packedBlock, packedFiles, packedRows } from "../../src/augment/packed.ts";
import { tensorView } from "../../src/augment/tensor-views.ts";
import { addon } from "../../src/torch/addon.ts";
import { cat, scope, type Tensor } from "../../src/torch/index.ts";
import {
  type Case,
  cases,
  difference,
  largestDifference,
  pictureBlock,
  pictureFiles,
  placed,
  planesOf,
  recipeOf,
  withoutColour,
} from "../view-cases.ts";

const native = addon();
native.openGpuViews(0, ["no-such-library.so", process.argv[2]!]);
const { views } = native;
let calls = 0;
native.views = (bytes, recipe, jobs) => {
  calls += 1;
  return views(bytes, recipe, jobs, true);
};

const small = (given: Case): Case => ({ ...given, size: Math.min(given.size, 40) });

function ofBlock(given: Case, channels: number): number {
  const drawn = given.all.map((own) => placed(own, given));
  const parameters = channels === 1 ? drawn.map(withoutColour) : drawn;
  return difference(pictureBlock(parameters.length, channels, given, given.seed), recipeOf(given), parameters);
}

function ofFile(given: Case): number {
  const [own, recipe] = [placed(given.all[0]!, given), recipeOf(given)];
  const file = pictureFiles([given], given.seed)[0]!;
  const reference = (): Tensor => tensorView({ pictures: planesOf(file), recipe, device: "cpu" }, [own]);
  return scope(() => largestDifference(viewsOf(packedFiles([file], "cpu"), recipe, [own]), reference(), recipe));
}

/** Whether pictures that are resident, of these rows of an array, and those that were carried have the bits of pictures that go up with their views. */
function haveTheSameBits(given: Case): boolean {
  const recipe = recipeOf(given);
  const parameters = given.all.map((own) => placed(own, given));
  const rows = parameters.map((_, i) => (3 * i + 1) % 7);
  const files = pictureFiles(
    parameters.map(() => given),
    given.seed,
  );
  const carried = carry({ epoch: 0, step: 0, indices: Uint32Array.from(rows), images: files }, "cpu");
  return scope(() => {
    const { block } = pictureBlock(7, 3, given, given.seed) as { block: Tensor };
    const gathered = cat(rows.map((row) => block.narrow(0, row, 1)));
    const sets = [packedBlock(gathered), packedRows(block, rows), packedFiles(files, "cpu"), carried.arrive().images];
    const [host, resident, packed, arrived] = sets.map((set) =>
      viewsOf(set as PackedPictures, recipe, parameters)
        .float32()
        .join(),
    );
    carried.free();
    return resident === host && arrived === packed;
  });
}

const drawn = fc.sample(cases, { numRuns: 60, seed: 1 }).map(small);
const differences = drawn.map((given, i) => (i % 3 === 0 ? ofFile(given) : ofBlock(given, i % 3 === 1 ? 3 : 1)));
const largest = Math.max(...differences);
const before = calls;
const sameBits = drawn.slice(0, 15).filter(haveTheSameBits).length;
console.log(JSON.stringify({ calls: before, largest, sameBits, callsForBits: calls - before }));
