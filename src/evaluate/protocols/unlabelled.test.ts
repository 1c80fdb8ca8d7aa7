// Each figure against its definition in double precision.
import { expect, test } from "vitest";
import { barlowTwinsViews } from "../../augment/index.ts";
import { imageArray } from "../../data/index.ts";
import { keyedStream } from "../../random.ts";
import { liveTensors, tensor } from "../../torch/index.ts";
import { pixelRepresentation } from "../representation.ts";
import { alignment, rankMe, uniformity, unlabelledQuality, viewedFeatures } from "./unlabelled.ts";

const [N, D] = [40, 6];
const random = keyedStream(1);
const table = () => Float32Array.from({ length: N * D }, () => 2 * random() - 1);
const [first, second] = [table(), table()];

function unitRows(values: Float32Array): number[][] {
  return Array.from({ length: N }, (_, i) => {
    const row = Array.from(values.subarray(i * D, (i + 1) * D));
    const length = Math.hypot(...row);
    return row.map((value) => value / length);
  });
}
const squaredDistance = (a: number[], b: number[]) => a.reduce((sum, value, d) => sum + (value - b[d]!) ** 2, 0);

test("alignment and uniformity are their definitions", () => {
  const [a, b] = [unitRows(first), unitRows(second)];
  const meanDistance = a.reduce((sum, row, i) => sum + squaredDistance(row, b[i]!), 0) / N;
  expect(alignment(tensor(first, [N, D]), tensor(second, [N, D]))).toBeCloseTo(meanDistance, 5);
  let sum = 0;
  for (const [i, row] of a.entries())
    for (const [j, other] of a.entries()) if (i !== j) sum += Math.exp(-2 * squaredDistance(row, other));
  expect(uniformity(tensor(first, [N, D]))).toBeCloseTo(Math.log(sum / (N * (N - 1))), 5);
});

test("RankMe of orthogonal columns is known, whichever side of the table is shorter", () => {
  const scales = [4, 2, 1, 1];
  const shares = scales.map((scale) => scale / 8);
  const expected = Math.exp(-shares.reduce((total, share) => total + share * Math.log(share), 0));
  const wide = Float32Array.from({ length: 4 * 9 }, (_, i) =>
    i % 9 === Math.floor(i / 9) ? scales[Math.floor(i / 9)]! : 0,
  );
  expect(rankMe(tensor(wide, [4, 9]))).toBeCloseTo(expected, 4);
  expect(rankMe(tensor(wide, [4, 9]).T.contiguous())).toBeCloseTo(expected, 4);
});

test("RankMe: all directions alike give D, one direction 1, nothing a refusal", () => {
  const even = Float32Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 3 : 0));
  expect(rankMe(tensor(even, [5, 5]))).toBeCloseTo(5, 4);
  const one = Float32Array.from({ length: 25 }, (_, i) => 1 + Math.floor(i / 5));
  expect(rankMe(tensor(one, [5, 5]))).toBeCloseTo(1, 3);
  expect(() => rankMe(tensor(new Float32Array(25), [5, 5]))).toThrow(/all features are zero/);
});

test("features that all point one way are worst: uniformity 0; equal views align at 0", () => {
  const same = Float32Array.from({ length: N * D }, (_, i) => 1 + (i % D));
  expect(uniformity(tensor(same, [N, D]))).toBeCloseTo(0, 5);
  expect(alignment(tensor(first, [N, D]), tensor(first, [N, D]))).toBe(0);
});

const pixels = Uint8Array.from({ length: 7 * 3 * 64 }, () => Math.floor(256 * random()));
const pictures = imageArray({ name: "noise", pixels, channels: 3, height: 8, width: 8 });
const [a, b] = barlowTwinsViews({ size: 8 });
const views = [a!, b!] as const;

test("views are keyed: the same at every call, others of another seed; nothing stays in memory", async () => {
  const representation = pixelRepresentation({ size: 8 });
  const found = await viewedFeatures(representation, pictures, { views });
  expect([found.plain.length, found.plain.dimensions]).toEqual([7, 192]);
  const before = liveTensors().live;
  expect(await viewedFeatures(representation, pictures, { views })).toEqual(found);
  unlabelledQuality(found);
  expect(liveTensors().live).toBe(before);
  const other = await viewedFeatures(representation, pictures, { views, seed: 1 });
  expect(other.plain).toEqual(found.plain);
  expect(other.views[0]).not.toEqual(found.views[0]);
});

test("one picture, and features that are not finite, are refused", async () => {
  const one = { values: Float32Array.of(1, 2), length: 1, dimensions: 2 };
  expect(() => unlabelledQuality({ plain: one, views: [one, one] })).toThrow(/1 images; two or more are needed/);
  const broken = {
    ...pixelRepresentation({ size: 8 }),
    forward: () => tensor(new Float32Array(14).fill(Number.NaN), [7, 2]),
  };
  await expect(viewedFeatures(broken, pictures, { views })).rejects.toMatchObject({ kind: "numerics" });
});
