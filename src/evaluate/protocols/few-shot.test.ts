import { expect, test } from "vitest";
import { labelledClusters, withRandomLabels } from "../../../test/labelled-clusters.ts";
import { liveTensors, tensor } from "../../torch/index.ts";
import { placesByClass } from "../hold-out.ts";
import { drawn, fewShot, spread } from "./few-shot.ts";
import { logisticRegression } from "./logistic-regression.ts";

const bank = labelledClusters({ classes: 4, perClass: 30, dimensions: 16, distance: 0.6, seed: 1 });
const queries = labelledClusters({ classes: 4, perClass: 50, dimensions: 16, distance: 0.6, seed: 2 });

test("draws: so many different images of each class, a function of seed and draw", () => {
  const places = placesByClass(bank.labels);
  const draw = drawn(places, 5, 3, 0);
  expect(new Set(draw).size).toBe(20);
  expect(draw.map((place) => bank.labels[place])).toEqual([0, 1, 2, 3].flatMap((label) => Array(5).fill(label)));
  expect(drawn(places, 5, 3, 0)).toEqual(draw);
  expect(drawn(places, 5, 3, 1)).not.toEqual(draw);
  expect(drawn(places, 5, 4, 0)).not.toEqual(draw);
});

test("the same seed gives the same result, another seed another", () => {
  const result = fewShot(bank, queries, { labels: 2, draws: 6 });
  expect(fewShot(bank, queries, { labels: 2, draws: 6 })).toEqual(result);
  expect(fewShot(bank, queries, { labels: 2, draws: 6, seed: 1 }).draws).not.toEqual(result.draws);
  expect(fewShot(bank, queries, { labels: 2, draws: 6, seed: 1 }).protocol).toBe(
    "few-shot-v1 2 labels/class, 6 draws, seed 1",
  );
});

test("mean and spread are those of the draws", () => {
  const { value, std, draws, count, protocol } = fewShot(bank, queries, { labels: 2, draws: 6 });
  const mean = draws.reduce((sum, own) => sum + own, 0) / 6;
  expect(value).toBeCloseTo(mean, 12);
  expect(std).toBeCloseTo(Math.sqrt(draws.reduce((sum, own) => sum + (own - mean) ** 2, 0) / 5), 12);
  expect(std).toBeGreaterThan(0);
  expect(count).toBe(6 * 200);
  expect(protocol).toBe("few-shot-v1 2 labels/class, 6 draws");
});

test("spread of a sample; of one draw there is none", () => {
  expect(spread([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
  expect(spread([0.5])).toBeNull();
});

test("clusters far apart are told apart from one label each; random labels stay at chance", () => {
  const far = { classes: 4, dimensions: 16, distance: 20 };
  const [a, b] = [
    labelledClusters({ ...far, perClass: 10, seed: 1 }),
    labelledClusters({ ...far, perClass: 30, seed: 2 }),
  ];
  expect(fewShot(a, b, { labels: 1, draws: 3 }).value).toBe(1);
  const chance = fewShot(withRandomLabels(bank, 1), withRandomLabels(queries, 2), { labels: 10, draws: 5 });
  expect(Math.abs(chance.value - 0.25)).toBeLessThan(0.12); // 4 standard deviations of 200 queries
});

test("logistic regression: every derivative vanishes at the result, in double precision", () => {
  const [n, D, C] = [24, 16, 4];
  const rows = Float64Array.from(bank.values.subarray(0, n * D));
  for (let i = 0; i < n; i++) {
    const length = Math.hypot(...rows.subarray(i * D, (i + 1) * D));
    for (let d = 0; d < D; d++) rows[i * D + d]! /= length;
  }
  const labels = bank.labels.slice(0, n);
  const weights = logisticRegression(tensor(Float32Array.from(rows), [n, D]), labels, C);
  const w = Float64Array.from(weights.float32()); // [D + 1, C]
  const slope = Float64Array.from(w, (value, i) => (i < D * C ? value / n : 0));
  for (let i = 0; i < n; i++) {
    const x = [...rows.subarray(i * D, (i + 1) * D), 1];
    const scores = Array.from({ length: C }, (_, c) => Math.exp(x.reduce((sum, xd, d) => sum + xd * w[d * C + c]!, 0)));
    const total = scores.reduce((sum, own) => sum + own, 0);
    x.forEach((xd, d) => {
      for (let c = 0; c < C; c++) slope[d * C + c]! += (xd * (scores[c]! / total - (labels[i] === c ? 1 : 0))) / n;
    });
  }
  expect(Math.max(...slope.map(Math.abs))).toBeLessThan(3e-5);
  expect(Math.max(...w.map(Math.abs))).toBeGreaterThan(0.5);
});

test("a class with fewer images than labels is refused, and what could be done is said", () => {
  expect(() => fewShot(bank, queries, { labels: 31 })).toThrow(
    "few-shot: 31 labels of each class are asked for; class 0 has 30 train images in clusters; add images or use --labels 30",
  );
  expect(() => fewShot(bank, queries, { labels: 0 })).toThrow(/labels is 0; a whole number from 1/);
  expect(() => fewShot(bank, queries, { draws: 1.5 })).toThrow(/draws is 1.5/);
});

test("no tensor is left behind", () => {
  fewShot(bank, queries, { draws: 2 });
  const before = liveTensors().live;
  fewShot(bank, queries, { draws: 2 });
  expect(liveTensors().live).toBe(before);
});
