// Every variant against its formula, recomputed here in double precision on plain numbers.
import { expect, it } from "vitest";
import { vectors } from "../../test/method-suite.ts";
import { scope, tensor } from "../torch/index.ts";
import { barlowTwinsLoss } from "./barlow-twins.ts";
import { type Ablation, ablatedLoss, asymmetric } from "./barlow-twins-ablations.ts";

type Matrix = number[][];
const [n, d, lambda, tau] = [4, 3, 0.0051, 0.1];
const plain: Ablation = {
  terms: "both",
  normalization: "batch",
  projectorNorm: true,
  objective: "squares",
  temperature: tau,
  asymmetry: "none",
};

const matrix = (formula: (i: number) => number): Matrix =>
  Array.from({ length: n }, (_, row) => Array.from({ length: d }, (_, column) => formula(row * d + column)));
const za = matrix((i) => Math.sin(i + 1));
const zb = matrix((i) => Math.cos(0.7 * i + 0.3));
const transposed = (m: Matrix): Matrix => m[0]!.map((_, column) => m.map((row) => row[column]!));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function standardizedRows(m: Matrix, hasUnitVariance: boolean): Matrix {
  return m.map((row) => {
    const mean = sum(row) / row.length;
    const variance = sum(row.map((value) => (value - mean) ** 2)) / row.length;
    return row.map((value) => (value - mean) / (hasUnitVariance ? Math.sqrt(variance + 1e-5) : 1));
  });
}

const normalize: Record<Ablation["normalization"], (m: Matrix) => Matrix> = {
  batch: (m) => transposed(standardizedRows(transposed(m), true)),
  feature: (m) => standardizedRows(m, true),
  none: (m) => transposed(standardizedRows(transposed(m), false)),
};

function correlation(normalization: Ablation["normalization"]): Matrix {
  const [a, b] = [za, zb].map(normalize[normalization]);
  return Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => sum(a!.map((row, image) => row[i]! * b![image]![j]!)) / n),
  );
}

function termsOf(c: Matrix, objective: Ablation["objective"]) {
  const on = c.map((row, i) => row[i]!);
  const off = c.flatMap((row, i) => row.filter((_, j) => j !== i));
  if (objective === "squares")
    return { onDiagonal: sum(on.map((value) => (1 - value) ** 2)), offDiagonal: sum(off.map((value) => value ** 2)) };
  return {
    onDiagonal: -Math.log(sum(on.map((value) => Math.exp(value / tau)))),
    offDiagonal: Math.log(sum(off.map((value) => Math.exp(Math.max(value, 0) / tau)))),
  };
}

const normalizations = ["batch", "feature", "none"] as const;
const objectives = ["squares", "cross-entropy"] as const;
const terms = ["both", "invariance", "redundancy"] as const;
const all = normalizations.flatMap((normalization) =>
  objectives.flatMap((objective) => terms.map((term) => ({ ...plain, normalization, objective, terms: term }))),
);

it.each(all)("$normalization, $objective, $terms: the value of its formula", (options) => {
  const expected = termsOf(correlation(options.normalization), options.objective);
  const parts = {
    both: expected.onDiagonal + lambda * expected.offDiagonal,
    invariance: expected.onDiagonal,
    redundancy: lambda * expected.offDiagonal,
  };
  scope(() => {
    const { loss, metrics } = ablatedLoss(vectors.za(), vectors.zb(), { ...options, lambda });
    expect(loss.item()).toBeCloseTo(parts[options.terms], 5);
    expect(metrics.onDiagonal!.item()).toBeCloseTo(expected.onDiagonal, 5);
    expect(metrics.offDiagonal!.item()).toBeCloseTo(expected.offDiagonal, 5);
  });
});

it("has, with nothing ablated, the value and the hand-written gradient of the method itself", () =>
  scope(() => {
    const [automatic, written] = [ablatedLoss, barlowTwinsLoss].map((lossOf) => {
      const [a, b] = [vectors.za().requiresGrad_(), vectors.zb().requiresGrad_()];
      const { loss } = lossOf(a, b, { ...plain, lambda });
      loss.backward();
      return [loss.item(), ...a.grad!.float32(), ...b.grad!.float32()];
    });
    automatic!.forEach((value, i) => {
      expect(value).toBeCloseTo(written![i]!, 5);
    });
  }));

// ---- the gradient with the second branch held still, by differences in double precision ----

const weights: Matrix = Array.from({ length: d }, (_, i) =>
  Array.from({ length: d }, (_, j) => Math.sin(1.3 * i + j + 0.5)),
);
const images = { a: za, b: zb };
/** Each pair in both orders, so that no view is the first one more often. */
const bothOrders = { a: [...za, ...zb], b: [...zb, ...za] };

/** zA = xA Wᵀ and zB = xB Wᵀ; the loss by its formula, the branches with weights of their own. */
function lossOfBranches({ a, b }: typeof images, weightsA: Matrix, weightsB: Matrix): number {
  const embed = (rows: Matrix, w: Matrix) => rows.map((x) => w.map((own) => sum(own.map((value, i) => value * x[i]!))));
  const [zA, zB] = [embed(a, weightsA), embed(b, weightsB)].map(normalize.batch) as [Matrix, Matrix];
  const c = weights.map((_, i) =>
    weights.map((_, j) => sum(zA.map((row, image) => row[i]! * zB[image]![j]!)) / a.length),
  );
  const { onDiagonal, offDiagonal } = termsOf(c, "squares");
  return onDiagonal + lambda * offDiagonal;
}

/** dL/dW [D x D] where only the branches named move. */
function gradientBy(batch: typeof images, moving: { a?: true; b?: true }): number[] {
  const moved = (place: number, by: number): Matrix =>
    weights.map((row, i) => row.map((value, j) => value + (i * d + j === place ? by : 0)));
  const at = (place: number, by: number) => {
    const other = moved(place, by);
    return lossOfBranches(batch, moving.a ? other : weights, moving.b ? other : weights);
  };
  return weights.flat().map((_, place) => (at(place, 1e-5) - at(place, -1e-5)) / 2e-5);
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);

it("with the second branch held still, has the gradient through the first alone", () =>
  scope(() => {
    const w = tensor(Float64Array.from(weights.flat()), [d, d]).requiresGrad_();
    const embeddings = [vectors.za(), vectors.zb()].map((view) => view.matmul(w.T));
    const [a, b] = asymmetric(embeddings, "stop-gradient", undefined);
    barlowTwinsLoss(a!, b!, { lambda }).loss.backward();
    expect(distance([...w.grad!.float32()], gradientBy(images, { a: true }))).toBeLessThan(1e-4);
  }));

it("held still on one side and on the other, adds up to the whole gradient; half of it where both orders are alike", () => {
  const [first, second] = [gradientBy(images, { a: true }), gradientBy(images, { b: true })];
  const whole = gradientBy(images, { a: true, b: true });
  const both = first.map((value, i) => value + second[i]!);
  expect(distance(both, whole)).toBeLessThan(1e-8);
  expect(
    distance(
      first.map((value) => 2 * value),
      whole,
    ),
  ).toBeGreaterThan(0.01); // of one batch it is not half
  const half = gradientBy(bothOrders, { a: true }).map((value) => 2 * value);
  expect(distance(half, gradientBy(bothOrders, { a: true, b: true }))).toBeLessThan(1e-8);
});
