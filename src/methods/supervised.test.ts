import { expect, it } from "vitest";
import { runMethodSuite, tinySettings, vectors } from "../../test/method-suite.ts";
import { scope, tensor } from "../torch/index.ts";
import { buildState } from "../train/index.ts";
import { supervisedLoss } from "./supervised.ts";

runMethodSuite("supervised", {});

it("is the cross-entropy, in double precision by hand", () => {
  const labels = [0, 2, 1, 2];
  const logits = Array.from({ length: 12 }, (_, i) => Math.sin(i + 1));
  const expected = labels.map((label, row) => {
    const own = logits.slice(3 * row, 3 * row + 3);
    return Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0)) - own[label]!;
  });
  const right = labels.filter((label, row) => {
    const own = logits.slice(3 * row, 3 * row + 3);
    return own[label] === Math.max(...own);
  });
  scope(() => {
    const { loss, metrics } = supervisedLoss(vectors.za(), tensor(BigInt64Array.from(labels, BigInt)));
    expect(loss.item()).toBeCloseTo(expected.reduce((sum, value) => sum + value) / 4, 6);
    expect(metrics.accuracy!.item()).toBeCloseTo(right.length / 4, 6);
  });
});

it("refuses pictures without labels, and of one class", () => {
  const build = (classes?: string[]) => () =>
    buildState(tinySettings("supervised"), { length: 32, ...(classes && { classes }) });
  expect(build()).toThrow("the pictures have no labels");
  expect(build(["only"])).toThrow("one class");
});
