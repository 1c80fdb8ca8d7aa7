import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { multiLabelRows } from "../../../test/multi-label-rows.ts";
import { keyedStream } from "../../random.ts";
import { averagePrecision } from "./average-precision.ts";
import { decisionValues, linearSvm, type SvmProblem } from "./dual-coordinate-descent.ts";
import { chosenCost, oneAgainstRest, stratifiedFolds, svmCosts, unitRows } from "./one-against-rest.ts";

const train = multiLabelRows({ length: 150, seed: 1 });
const asked = multiLabelRows({ length: 90, seed: 2 });
const reference: {
  meanAveragePrecision: number;
  classes: { cost: number; averagePrecision: number; decisions: Record<string, number[]> }[];
} = JSON.parse(readFileSync(new URL("../../../test/reference/svm.json", import.meta.url), "utf8"));

const signsOf = (column: number) =>
  Int8Array.from({ length: train.length }, (_, row) =>
    train.labels[row * train.names.length + column] === 1 ? 1 : -1,
  );

function problem(cost: number, column = 0): SvmProblem {
  const rows = unitRows(train.values, train.dimensions);
  const weights = { positive: 2, negative: 1 };
  return { rows, dimensions: train.dimensions, signs: signsOf(column), cost, weights };
}

describe("scikit-learn's LinearSVC", () => {
  test("gives the same decision values where both are solved to the end", () => {
    for (const [column, { decisions }] of reference.classes.entries())
      for (const [cost, expected] of Object.entries(decisions)) {
        const exact = { ...problem(Number(cost), column), tolerance: 1e-10, mostPasses: 1e6 };
        const scores = decisionValues(unitRows(asked.values, asked.dimensions), linearSvm(exact).weights);
        expected.forEach((value, row) => {
          expect(Math.abs(scores[row]! - value)).toBeLessThan(1e-6);
        });
      }
  });

  test("chooses the same costs by the same folds, and finds the same mAP to 1e-3", () => {
    const found = oneAgainstRest(train, asked);
    expect(found.perClass.map(({ cost }) => cost)).toEqual(reference.classes.map(({ cost }) => cost));
    expect(Math.abs(found.value - reference.meanAveragePrecision)).toBeLessThan(1e-3);
    found.perClass.forEach(({ averagePrecision: own }, column) => {
      expect(Math.abs(own! - reference.classes[column]!.averagePrecision)).toBeLessThan(1e-3);
    });
  });
});

test("the primal's slope is nothing at the solution: w = 2 Σ Cᵢ yᵢ max(0, 1 − yᵢ w·xᵢ) xᵢ", () => {
  const solved = { ...problem(5), tolerance: 1e-9, mostPasses: 1e6 };
  const { weights, isSettled } = linearSvm(solved);
  const { rows, dimensions: D, signs } = solved;
  const scores = decisionValues(rows, weights);
  const slope = Float64Array.from(weights);
  signs.forEach((sign, row) => {
    const pull = 2 * 5 * (sign > 0 ? 2 : 1) * sign * Math.max(0, 1 - sign * scores[row]!);
    for (let i = 0; i <= D; i++) slope[i]! -= pull * (i < D ? rows[row * D + i]! : 1);
  });
  expect(isSettled).toBe(true);
  expect(Math.max(...slope.map(Math.abs))).toBeLessThan(1e-6);
});

test("a solution does not depend on where it began, nor on the order of its rows", () => {
  const exact = { ...problem(10), tolerance: 1e-9, mostPasses: 1e6 };
  const { weights } = linearSvm(exact);
  const started = linearSvm({ ...exact, seed: 3, start: linearSvm(problem(1)).alphas });
  expect(Math.max(...weights.map((own, i) => Math.abs(own - started.weights[i]!)))).toBeLessThan(1e-6);
  expect(linearSvm(exact).weights).toEqual(weights);
});

test("folds keep the share of positives and hold each row once", () => {
  const signs = Int8Array.from({ length: 31 }, (_, i) => (i % 4 === 0 ? 1 : -1));
  const folds = stratifiedFolds(signs, 3);
  const positives = folds.map((held) => held.reduce((sum, own, row) => sum + Number(own === 1 && signs[row] === 1), 0));
  expect(Math.max(...positives) - Math.min(...positives)).toBeLessThan(2);
  expect(signs.map((_, row) => folds.reduce((sum, held) => sum + held[row]!, 0)).every((held) => held === 1)).toBe(
    true,
  );
});

describe("average precision", () => {
  test.each([
    ["a perfect ranking", [3, 2, 1, 0], [1, 1, 0, 0], 1, 1],
    ["the worst one", [0, 1, 2, 3], [1, 0, 0, 0], 1 / 4, 1 / 4],
    ["a hole that interpolation fills", [4, 3, 2, 1], [1, 0, 1, 1], (1 + 3 / 4 + 3 / 4) / 3, (1 + 2 / 3 + 3 / 4) / 3],
    ["equal scores, one threshold", [1, 1, 1, 1], [1, 0, 0, 1], 1 / 2, 1 / 2],
  ])("of %s", (_, scores, labels, interpolated, plain) => {
    const given = [Float64Array.from(scores), Uint8Array.from(labels)] as const;
    expect(averagePrecision(...given)).toBeCloseTo(interpolated, 12);
    expect(averagePrecision(...given, { interpolated: false })).toBeCloseTo(plain, 12);
  });

  test("of nothing is no number", () => expect(averagePrecision(Float64Array.of(1), Uint8Array.of(0))).toBeNaN());
});

test("pictures that are difficult for a class do not count in its test, and are negative in its training", () => {
  const turned = { ...asked, values: asked.values.slice() };
  const row = [...asked.labels.keys()].find((place) => asked.labels[place] === -1)!;
  const start = Math.floor(row / 4) * asked.dimensions;
  turned.values.fill(0, start, start + asked.dimensions);
  const [before, after] = [oneAgainstRest(train, asked), oneAgainstRest(train, turned)];
  expect(after.perClass[row % 4]).toEqual(before.perClass[row % 4]);
  const negative = { ...train, labels: train.labels.map((label) => (label === -1 ? 0 : label)) };
  expect(oneAgainstRest(negative, asked)).toEqual(before);
});

test("classes without positives are named and do not count; with none left the data are refused", () => {
  const without = { ...asked, labels: asked.labels.map((label, i) => (i % 4 === 2 ? 0 : label)) };
  const found = oneAgainstRest(train, without);
  expect(found.perClass[2]).toMatchObject({ averagePrecision: null, testPositives: 0 });
  expect(found.notes[0]).toMatch(/1 of 4 classes are not measured, .*\(class 2\)/);
  const none = { ...asked, labels: new Int8Array(asked.labels.length) };
  expect(() => oneAgainstRest(train, none)).toThrow(/none of the 4 classes of rows has positive pictures/);
  const strange = { ...asked, names: ["class 0", "class 1", "class 2", "other"] };
  expect(oneAgainstRest(train, strange).notes[0]).toMatch(/2 of 5 .*\(class 3, other\)/);
});

test("a class with fewer positives than folds still has its cost chosen", () => {
  const random = keyedStream(3, 9);
  const values = Float32Array.from({ length: 20 * 3 }, () => random());
  const signs = Int8Array.from({ length: 20 }, (_, row) => (row === 4 ? 1 : -1));
  expect(svmCosts).toContain(chosenCost({ values, dimensions: 3 }, signs, svmCosts));
});
