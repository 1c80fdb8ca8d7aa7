import { expect, test } from "vitest";
import { labelledClusters, withRandomLabels } from "../../../test/labelled-clusters.ts";
import { liveTensors, scope, tensor } from "../../torch/index.ts";
import { firstWeights, linearProbe, trainHeads } from "./linear-probe.ts";

const far = { classes: 4, dimensions: 16, distance: 5 };
const bank = labelledClusters({ ...far, perClass: 30, seed: 1 });
const queries = labelledClusters({ ...far, perClass: 40, seed: 2 });
const quick = { epochs: 10 };

test("classes that a plane separates are told apart without a mistake", () => {
  const found = linearProbe(bank, queries, quick);
  expect(found.value).toBe(1);
  expect(found.picked.heldOutAccuracy).toBe(1);
  expect(found.protocol).toBe("linear-v1 10 epochs");
});

test("features of very different scales serve as well: they are standardised", () => {
  const scaled = (features: typeof bank) => ({
    ...features,
    values: features.values.map((value, i) => 1000 + value * 10 ** ((i % 16) / 4 - 2)),
  });
  expect(linearProbe(scaled(bank), scaled(queries), quick).value).toBe(1);
});

test("random labels stay at chance", () => {
  const many = labelledClusters({ ...far, perClass: 500, seed: 3 });
  const found = linearProbe(withRandomLabels(bank, 1), withRandomLabels(many, 2), quick);
  expect(Math.abs(found.value - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 2000));
});

test("test labels choose nothing: with others, the same head is picked and the same answers are given", () => {
  const near = { classes: 3, dimensions: 8, distance: 0.7 };
  const train = labelledClusters({ ...near, perClass: 40, seed: 1 });
  const test = labelledClusters({ ...near, perClass: 30, seed: 2 });
  const turned = { ...test, labels: test.labels.map((label) => (label + 1) % 3) };
  const [found, other] = [linearProbe(train, test, quick), linearProbe(train, turned, quick)];
  expect(other.picked).toEqual(found.picked);
  expect(found.value).toBeGreaterThan(other.value);
  expect(linearProbe(train, test, quick)).toEqual(found);
});

test("heads trained side by side follow SGD with momentum and cosine, in double precision", () => {
  const [N, D, C, steps] = [30, 5, 3, 1000];
  const small = labelledClusters({ classes: C, perClass: N / C, dimensions: D, distance: 0.5 });
  const chosen = [
    { learningRate: 0.1, weightDecay: 1e-2 },
    { learningRate: 0.01, weightDecay: 0 },
  ];
  const start = Float64Array.from(firstWeights(C, D, 5)); // [D + 1, C]
  const got = scope(() => {
    const data = { inputs: tensor(small.values, [N, D]), labels: small.labels };
    return trainHeads(data, chosen, { classes: C, epochs: 1, seed: 5 }).weights.float32(); // [D + 1, 2 C]
  });
  chosen.forEach((candidate, g) => {
    const expected = plainDescent(small, start, candidate, steps);
    const own = Array.from(expected, (_, i) => got[Math.floor(i / C) * 2 * C + g * C + (i % C)]!);
    const error = Math.hypot(...own.map((value, i) => value - expected[i]!)) / Math.hypot(...expected);
    expect(error).toBeLessThan(1e-4);
  });
});

/** Softmax regression by the rule's own words; rows fill one batch, so their order does not matter. */
function plainDescent(
  { values, labels, length: N, dimensions: D }: typeof bank,
  start: Float64Array,
  { learningRate, weightDecay }: { learningRate: number; weightDecay: number },
  steps: number,
): Float64Array {
  const C = start.length / (D + 1);
  const point = Float64Array.from(start); // [D + 1, C], the last row the biases
  const speed = new Float64Array(point.length);
  for (let step = 0; step < steps; step++) {
    const slope = point.map((value, i) => (i < D * C ? weightDecay * value : 0));
    for (let n = 0; n < N; n++) {
      const x = [...values.subarray(n * D, (n + 1) * D), 1];
      const powers = Array.from({ length: C }, (_, c) =>
        Math.exp(x.reduce((sum, xd, d) => sum + xd * point[d * C + c]!, 0)),
      );
      const total = powers.reduce((sum, own) => sum + own, 0);
      for (let d = 0; d <= D; d++)
        for (let c = 0; c < C; c++) slope[d * C + c]! += (x[d]! * (powers[c]! / total - (labels[n] === c ? 1 : 0))) / N;
    }
    const rate = (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
    slope.forEach((own, i) => {
      speed[i] = 0.9 * speed[i]! + own;
      point[i]! -= rate * speed[i]!;
    });
  }
  return point;
}

test("first weights: N(0, 0.01), biases 0, the same for the same seed", () => {
  const weights = firstWeights(10, 2000, 1);
  expect(firstWeights(10, 2000, 1)).toEqual(weights);
  expect(firstWeights(10, 2000, 2)).not.toEqual(weights);
  const [own, biases] = [weights.subarray(0, 20_000), weights.subarray(20_000)];
  expect(Array.from(biases)).toEqual(Array(10).fill(0));
  expect(Math.abs(own.reduce((sum, value) => sum + value, 0) / own.length)).toBeLessThan(3e-4);
  expect(Math.sqrt(own.reduce((sum, value) => sum + value ** 2, 0) / own.length)).toBeCloseTo(0.01, 3);
});

test("too few images to hold any out are refused; so are senseless epochs", () => {
  const single = labelledClusters({ ...far, perClass: 1 });
  expect(() => linearProbe(single, queries)).toThrow(/no class of clusters has two train images/);
  expect(() => linearProbe(bank, queries, { epochs: 0 })).toThrow(/0 epochs; a whole number from 1/);
});

test("no tensor is left behind, not even by a refusal", () => {
  linearProbe(bank, queries, quick);
  const before = liveTensors().live;
  linearProbe(bank, queries, quick);
  expect(() => linearProbe(labelledClusters({ ...far, perClass: 1 }), queries)).toThrow();
  expect(liveTensors().live).toBe(before);
});
