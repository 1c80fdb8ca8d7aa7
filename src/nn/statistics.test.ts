import { afterAll, expect, test } from "vitest";
import { SelfsightError } from "../errors.ts";
import { autocast, eye, full, liveTensors, manualSeed, randn, scope, type Tensor, tensor } from "../torch/index.ts";
import { representationStatistics, twinRecognition } from "./statistics.ts";

const statistics = (make: () => Tensor) => scope(() => representationStatistics(make()));

afterAll(() => expect(liveTensors().live).toBe(0));

test("an orthonormal set uses all its directions", () => {
  const { effectiveRank, deadDimensions, featureStd } = statistics(() => eye(64));
  expect(effectiveRank).toBeCloseTo(64, 6);
  expect(deadDimensions).toBe(0);
  // one 1 among 64 rows: std = √(1/64 − 1/64²), times √64
  expect(featureStd).toBeCloseTo(Math.sqrt(1 - 1 / 64), 6);
});

test("one direction has rank 1, at any scale and under autocast", () => {
  const line = (scale: number) => () => {
    const along = randn([128, 1]);
    return along.matmul(randn([1, 512])).mul_(scale);
  };
  for (const scale of [1e-20, 1, 1e15]) expect(statistics(line(scale)).effectiveRank).toBeCloseTo(1, 4);
  const inBfloat16 = () => autocast({ dtype: "bfloat16" }, () => representationStatistics(eye(64)).effectiveRank);
  expect(scope(inBfloat16)).toBeCloseTo(64, 6);
});

test("one point has std 0 and only dead features", () => {
  const point = statistics(() => full([32, 10], 3));
  expect(point.featureStd).toBeCloseTo(0, 9);
  expect(point.deadDimensions).toBe(10);
  expect(statistics(() => full([32, 10], 0))).toEqual({ featureStd: 0, effectiveRank: 1, deadDimensions: 10 });
});

test("features that do not vary are counted", () => {
  const values = () => {
    const rows = randn([40, 12]);
    rows.narrow(1, 3, 4).fill_(0.5);
    return rows;
  };
  expect(statistics(values).deadDimensions).toBe(4);
});

test("random directions are spread evenly", () => {
  manualSeed(1);
  expect(statistics(() => randn([256, 512])).featureStd).toBeCloseTo(1, 2);
});

test("where the loss sees lengths, the std is that of the embeddings as they are", () => {
  manualSeed(1);
  const spread = (length: number) =>
    scope(() => representationStatistics(randn([256, 64]).mul(length), { comparesLengths: true }).featureStd);
  expect(spread(1)).toBeCloseTo(1, 1);
  expect(spread(0.01)).toBeCloseTo(0.01, 3);
});

test("agrees with a float64 recomputation from the singular values of a known matrix", () => {
  // rows: two orthogonal directions with singular values 3 and 1
  const found = statistics(() => tensor([3, 0, 0, 0, 1, 0], [2, 3]));
  const rank = Math.exp(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)));
  expect(found.effectiveRank).toBeCloseTo(rank, 10);
  expect(found.featureStd).toBeCloseTo((2 * 0.5 * Math.sqrt(3)) / 3, 10);
  expect(found.deadDimensions).toBe(1);
});

test("featureStd agrees with a recomputation in float64", () => {
  const [count, features] = [17, 5];
  const values = Float32Array.from({ length: count * features }, (_, i) => Math.sin(i * 1.7) + 0.3);
  const rows = Array.from({ length: count }, (_, i) => [...values.subarray(i * features, (i + 1) * features)]);
  const unit = rows.map((row) => row.map((value) => value / Math.hypot(...row)));
  const stds = Array.from({ length: features }, (_, d) => {
    const column = unit.map((row) => row[d]!);
    const mean = column.reduce((a, b) => a + b) / count;
    return Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
  });
  const expected = (stds.reduce((a, b) => a + b) / features) * Math.sqrt(features);
  expect(statistics(() => tensor(values, [count, features])).featureStd).toBeCloseTo(expected, 12);
});

test("the rank is the same from rows and from columns, and counts 256 rows at most", () => {
  const transposed = (swap: boolean) => () => {
    manualSeed(2);
    const wide = randn([20, 60]);
    return swap ? wide.T : wide;
  };
  expect(statistics(transposed(true)).effectiveRank).toBeCloseTo(statistics(transposed(false)).effectiveRank, 8);
  expect(statistics(() => eye(300)).effectiveRank).toBeCloseTo(256, 6);
});

test("numbers that are not finite give NaN, not an error", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const found = statistics(() => {
      const rows = randn([8, 4]);
      rows.select(0, 3).fill_(bad);
      return rows;
    });
    expect(found).toEqual({ featureStd: Number.NaN, effectiveRank: Number.NaN, deadDimensions: Number.NaN });
  }
});

test("anything but a matrix is refused", () => {
  for (const shape of [[4], [2, 3, 4], [0, 4], [4, 0]])
    expect(() => statistics(() => full(shape, 1))).toThrow(SelfsightError);
});

const recognition = (make: () => [Tensor, Tensor]) => scope(() => twinRecognition(...make()));

test("twins that are like no other picture are found, whatever is common to all", () => {
  manualSeed(2);
  const found = recognition(() => {
    const own = randn([64, 16]);
    return [own.add(100), own.add(randn([64, 16]).mul(0.01)).add(100)];
  });
  expect(found).toBe(1);
});

test("where every picture gets the same answer, twins are found by chance", () => {
  expect(recognition(() => [full([32, 8], 3), full([32, 8], 3)])).toBe(0.5);
  manualSeed(3);
  expect(recognition(() => [randn([256, 32]), randn([256, 32])])).toBeCloseTo(0.5, 1);
  expect(recognition(() => [full([4, 4], Number.NaN), full([4, 4], 1)])).toBeNaN();
});

test("recognition agrees with a count in float64", () => {
  manualSeed(4);
  const [N, R] = [12, 5];
  const [a, b] = scope(() => {
    const first = randn([N, R]);
    return [first, first.add(randn([N, R]))].map((rows) => Array.from(rows.float32()));
  });
  const direction = (rows: readonly number[], n: number) => {
    const centred = Array.from({ length: R }, (_, r) => {
      const mean = Array.from({ length: N }, (_, m) => rows[m * R + r]!).reduce((sum, own) => sum + own, 0) / N;
      return rows[n * R + r]! - mean;
    });
    return centred.map((value) => value / Math.hypot(...centred));
  };
  const likeness = (n: number, m: number) =>
    direction(a!, n).reduce((sum, value, r) => sum + value * direction(b!, m)[r]!, 0);
  const places = Array.from({ length: N }, (_, n) => n);
  const nearer = places.flatMap((n) => places.filter((m) => m !== n && likeness(n, m) < likeness(n, n))).length;
  expect(recognition(() => [tensor(a!, [N, R]), tensor(b!, [N, R])])).toBeCloseTo(nearer / (N * (N - 1)), 12);
});
