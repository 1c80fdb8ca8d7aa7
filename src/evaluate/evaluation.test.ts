import { expect, test } from "vitest";
import { labelledClusters } from "../../test/labelled-clusters.ts";
import { labelledTask, score } from "./evaluation.ts";
import { evaluateKnn } from "./protocols/knn.ts";
import { meanInterval } from "./statistics/interval.ts";

const bank = labelledClusters({ classes: 3, perClass: 20, dimensions: 8, distance: 4, seed: 1 });
const queries = labelledClusters({ classes: 3, perClass: 10, dimensions: 8, distance: 4, seed: 2 });

test("classes are told apart by name, whatever number a test folder gives them", () => {
  const swapped = { ...queries, classes: ["class 2", "class 1", "class 0"], labels: queries.labels.map((l) => 2 - l) };
  expect(evaluateKnn(bank, swapped, { k: 5 }).perClass).toEqual(evaluateKnn(bank, queries, { k: 5 }).perClass);
  expect(evaluateKnn(bank, queries, { k: 5 }).value).toBe(1);
});

test("labels without names are their own names", () => {
  const { classes: _, ...unnamed } = bank;
  expect(labelledTask(unnamed, queries.classes ? { ...queries, classes: ["0", "1", "2"] } : queries).classes).toEqual([
    "0",
    "1",
    "2",
  ]);
});

const { labels: _labels, ...unlabelled } = bank;

test.each([
  ["a bank without labels", () => labelledTask(unlabelled, queries), /clusters has no labels; accuracy needs them/],
  ["queries without labels", () => labelledTask(bank, unlabelled), /has no labels/],
  [
    "one class",
    () => labelledTask({ ...bank, labels: bank.labels.map(() => 1) }, queries),
    /all 60 images of clusters are of one class \(class 1\); two or more are needed/,
  ],
  [
    "a class that only the test split has",
    () => labelledTask(bank, { ...queries, classes: ["class 0", "class 1", "cat"] }),
    /test images of the class cat, its train split has none/,
  ],
  ["two representations", () => labelledTask(bank, { ...queries, dimensions: 4 }), /one representation is needed/],
])("%s: refused with a sentence", (_name, task, message) => expect(task).toThrow(message));

test("a class without queries has no accuracy, and takes no part in the whole", () => {
  const task = labelledTask(bank, { ...queries, length: 2, labels: Int32Array.of(0, 1) });
  expect(score(task, Int32Array.of(0, 2))).toEqual({
    value: 0.5,
    standardError: expect.closeTo(Math.sqrt(0.25 / 6), 12),
    interval: meanInterval([1, 0]),
    outcomes: Float32Array.of(1, 0),
    correct: 1,
    count: 2,
    perClass: [
      { name: "class 0", correct: 1, count: 1, accuracy: 1 },
      { name: "class 1", correct: 0, count: 1, accuracy: 0 },
      { name: "class 2", correct: 0, count: 0, accuracy: null },
    ],
  });
});

test("of several rounds each query has the share in which it was right; their mean is the value", () => {
  const task = labelledTask(bank, { ...queries, length: 2, labels: Int32Array.of(0, 1) });
  const found = score(task, Int32Array.of(0, 2, 0, 1, 1, 1, 0, 0));
  expect(found.outcomes).toEqual(Float32Array.of(0.75, 0.5));
  expect(found.value).toBe(0.625);
});
