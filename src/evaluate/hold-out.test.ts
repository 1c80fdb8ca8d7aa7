import { expect, test } from "vitest";
import { labelledClusters } from "../../test/labelled-clusters.ts";
import { splitFeatures, stratifiedHoldOut } from "./hold-out.ts";

const labels = Int32Array.from([...Array(50).fill(0), ...Array(11).fill(1), ...Array(2).fill(3), 4]);
const countOf = (places: Uint32Array, label: number) => places.filter((place) => labels[place] === label).length;

test("a fifth of every class, one at least of two, none of one, and every image on one side", () => {
  const { kept, held } = stratifiedHoldOut(labels);
  expect([0, 1, 2, 3, 4].map((label) => countOf(held, label))).toEqual([10, 2, 0, 1, 0]);
  expect([...kept, ...held].sort((a, b) => a - b)).toEqual(Array.from(labels, (_, place) => place));
  expect([...held]).toEqual([...held].sort((a, b) => a - b));
});

test("the choice follows from the seed", () => {
  expect(stratifiedHoldOut(labels, { seed: 7 })).toEqual(stratifiedHoldOut(labels, { seed: 7 }));
  expect(stratifiedHoldOut(labels, { seed: 7 }).held).not.toEqual(stratifiedHoldOut(labels, { seed: 8 }).held);
});

test("features are divided with their labels and places", () => {
  const whole = labelledClusters({ classes: 2, perClass: 10, dimensions: 3, distance: 1 });
  const { bank, queries } = splitFeatures(whole, { share: 0.3 });
  expect([bank.length, queries.length]).toEqual([14, 6]);
  for (const part of [bank, queries])
    part.indices.forEach((index, row) => {
      expect(part.labels![row]).toBe(whole.labels[index]);
      expect(part.values.subarray(row * 3, row * 3 + 3)).toEqual(whole.values.subarray(index * 3, index * 3 + 3));
    });
});
