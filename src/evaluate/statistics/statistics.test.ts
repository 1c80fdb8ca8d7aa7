// Every figure against scipy's, stored by test/reference/statistics.py.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { keyedStream } from "../../random.ts";
import * as distributions from "./distributions.ts";
import {
  bcaEnds,
  drawnResamples,
  meanInterval,
  resampledMeans,
  seedInterval,
  statisticInterval,
  wilson,
} from "./interval.ts";
import { mcNemar, pairedComparison } from "./paired.ts";
import { kendall, spearman } from "./rank-correlation.ts";

const cases = JSON.parse(readFileSync(new URL("../../../test/reference/statistics.json", import.meta.url), "utf8"));
type Numbers = [...number[]];

/** Relative to the size of the figure, absolute near 0. */
const near = (found: number, wanted: number, tolerance = 1e-11) =>
  expect(Math.abs(found - wanted), `${found} for ${wanted}`).toBeLessThanOrEqual(
    tolerance * Math.max(1e-3, Math.abs(wanted)),
  );

const functions: Record<string, (...given: number[]) => number> = {
  normalShare: distributions.normalShare as never,
  normalQuantile: distributions.normalQuantile as never,
  studentQuantile: distributions.studentQuantile as never,
  regularizedBeta: distributions.regularizedBeta as never,
  logGamma: distributions.logGamma as never,
  binomialShare: distributions.binomialShare as never,
  mcNemar: mcNemar as never,
};

test.each(Object.keys(functions))("%s is scipy's", (name) => {
  expect(cases[name].length).toBeGreaterThan(3);
  for (const row of cases[name] as Numbers[]) near(functions[name]!(...row.slice(0, -1)), row.at(-1)!, 1e-9);
});

test("a p-value of one in a million is right to its own size", () => {
  const [, , wanted] = (cases.mcNemar as Numbers[]).find(([first, second]) => first === 0 && second === 20)!;
  expect(Math.abs(mcNemar(0, 20) / wanted! - 1)).toBeLessThan(1e-12);
});

test("Wilson's interval is scipy's", () => {
  for (const [right, count, low, high] of cases.wilson) {
    near(wilson(right, count).low, low, 1e-10);
    near(wilson(right, count).high, high, 1e-10);
  }
});

test.each(["bca_shares", "bca_skewed"])(
  "%s: ends of given resamples, and of our own beside scipy's 200,000",
  (name) => {
    const { scores, means, ends, scipy } = cases[name] as Record<string, number[]>;
    const mean = scores!.reduce((sum, own) => sum + own, 0) / scores!.length;
    const found = bcaEnds(drawnResamples(Float64Array.from(means!), mean), scores!, 0.95);
    near(found[0], ends![0]!, 1e-9);
    near(found[1], ends![1]!, 1e-9);
    const { low, high } = meanInterval(scores!, { resamples: 20_000 })!;
    const width = scipy![1]! - scipy![0]!;
    expect(Math.abs(low - scipy![0]!)).toBeLessThan(0.05 * width);
    expect(Math.abs(high - scipy![1]!)).toBeLessThan(0.05 * width);
  },
);

test("seeds: Student's interval, none of one seed", () => {
  const { values, low, high } = cases.seeds;
  near(seedInterval(values)!.low, low, 1e-10);
  near(seedInterval(values)!.high, high, 1e-10);
  expect(seedInterval([0.5])).toBeNull();
});

test("rank correlations with ties are scipy's; of what does not vary there is none", () => {
  const { x, y, spearman: rho, kendall: tau } = cases.ranks;
  near(spearman(x, y), rho);
  near(kendall(x, y), tau);
  expect(spearman([1, 1, 1], [1, 2, 3])).toBeNaN();
  expect(kendall([1, 1, 1], [1, 2, 3])).toBeNaN();
});

test("the bootstrap depends on its seed alone", () => {
  const scores = cases.bca_skewed.scores;
  expect(meanInterval(scores)).toEqual(meanInterval(scores));
  expect(meanInterval(scores, { seed: 1 })).not.toEqual(meanInterval(scores));
  expect(Array.from(resampledMeans(scores, { resamples: 9 }))).toEqual(
    expect.arrayContaining(Array.from(resampledMeans(scores, { resamples: 4 }))),
  );
});

test("the interval holds the true share about as often as it says", () => {
  let held = 0;
  for (let turn = 0; turn < 300; turn++) {
    const random = keyedStream(7, turn);
    const scores = Float64Array.from({ length: 80 }, () => (random() < 0.9 ? 1 : 0));
    const { low, high } = meanInterval(scores, { resamples: 400 })!;
    if (low <= 0.9 && 0.9 <= high) held += 1;
  }
  expect(held / 300).toBeGreaterThan(0.91); // 0.95 less three standard errors
  expect(held / 300).toBeLessThanOrEqual(0.99);
});

test("equal scores: Wilson's interval for shares, none for others; of nothing nothing", () => {
  expect(meanInterval([1])).toEqual(wilson(1, 1));
  expect(meanInterval([1])!.method).toBe("Wilson, 1 test image alone");
  expect(meanInterval(new Uint8Array(30).fill(1))!.low).toBeGreaterThan(0.85);
  expect(meanInterval(new Uint8Array(30))!.high).toBeLessThan(0.15);
  expect(meanInterval([0.3, 0.3])).toBeNull();
  expect(meanInterval([])).toBeNull();
});

test("a figure that is no mean: percentiles of it over resamples; resamples without a value are passed over", () => {
  const scores = cases.bca_skewed.scores as number[];
  const median = (places: Uint32Array) => Array.from(places, (i) => scores[i]!).sort((a, b) => a - b)[30]!;
  const { low, high } = statisticInterval(scores.length, median)!;
  const whole = [...scores].sort((a, b) => a - b)[30]!;
  expect(low).toBeLessThan(whole);
  expect(high).toBeGreaterThan(whole);
  expect(statisticInterval(20, (places) => (places[0] === 0 ? Number.NaN : 1))).toMatchObject({ low: 1, high: 1 });
  expect(statisticInterval(1, () => 1)).toBeNull();
});

test("right and wrong answers: McNemar's exact test on the images that differ", () => {
  const first = [1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 1];
  const second = [0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1];
  const found = pairedComparison(first, second);
  expect(found).toMatchObject({ count: 12, discordant: [5, 1], test: "McNemar, exact" });
  expect(found.difference).toBeCloseTo(4 / 12, 12);
  expect(found.pValue).toBeCloseTo((2 * (1 + 6)) / 64, 12);
  expect(found.interval!.low).toBeLessThan(4 / 12);
});

test("the same answers of both: no image tells them apart, p is 1, no interval", () => {
  const answers = [1, 0, 1, 1];
  expect(pairedComparison(answers, answers)).toMatchObject({
    ...{ difference: 0, interval: null, pValue: 1, discordant: [0, 0] },
  });
});

test("other scores: the paired bootstrap; a clear difference has a small p, none a large one", () => {
  const random = keyedStream(3, 3);
  const base = Array.from({ length: 100 }, () => random());
  const better = base.map((own) => own + 0.05 + 0.1 * random());
  const alike = base.map((own) => own + 0.1 * (random() - 0.5));
  expect(pairedComparison(better, base).pValue).toBeLessThan(0.001);
  expect(pairedComparison(alike, base).pValue).toBeGreaterThan(0.05);
  expect(pairedComparison(better, base).discordant).toBeUndefined();
});

test("the paired bootstrap's p is near the exact one of a normal difference", () => {
  const random = keyedStream(5, 1);
  const differences = Array.from({ length: 400 }, () => random() + random() + random() - 1.5 + 0.05);
  const mean = differences.reduce((sum, own) => sum + own, 0) / 400;
  const variance = differences.reduce((sum, own) => sum + (own - mean) ** 2, 0) / 400;
  const expected = 2 * (1 - distributions.normalShare(Math.abs(mean) / Math.sqrt(variance / 400)));
  const { pValue } = pairedComparison(differences, new Float64Array(400), { resamples: 20_000 });
  expect(Math.abs(pValue - expected)).toBeLessThan(4 * Math.sqrt(expected / 20_000) + 0.01);
});
