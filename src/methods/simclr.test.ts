import { expect, it } from "vitest";
import { freeState, runMethodSuite, tinyState, vectors } from "../../test/method-suite.ts";
import { namedParameters } from "../nn/index.ts";
import { randn, scope, zeros } from "../torch/index.ts";
import { ntXentLoss } from "./simclr.ts";

runMethodSuite("simclr", { options: { projector: "16-8" }, isSymmetric: true, refusesCollapse: true, cases: "ntxent" });

const lossAt = (temperature: number) =>
  scope(() => ntXentLoss(vectors.za(), vectors.zb(), { temperature }).loss.item());

it("has the value of eq. 1 at two temperatures, in double precision by hand", () => {
  expect(lossAt(0.5)).toBeCloseTo(1.9214029625, 5);
  expect(lossAt(0.1)).toBeCloseTo(5.4749698633, 5);
});

it("is ln(2N − 1) where all embeddings are one point", () => {
  const loss = scope(() => ntXentLoss(zeros([4, 3]).add_(1), zeros([4, 3]).add_(1), { temperature: 0.1 }).loss.item());
  expect(loss).toBeCloseTo(Math.log(7), 5);
});

it("has a head without batch norm but with biases, where it is asked for", () => {
  const headWith = (projectorNorm: boolean) => {
    const state = tinyState("simclr", { projector: "16-8", projectorNorm });
    const names = [...namedParameters({ head: state.method.trainable.projector! }).keys()];
    freeState(state);
    return names;
  };
  expect(headWith(true)).toEqual(["head.0.weight", "head.1.weight", "head.1.bias", "head.3.weight", "head.4.weight"]);
  expect(headWith(false)).toEqual(["head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias"]);
});

it("counts the anchors whose nearest view is their own image's", () =>
  scope(() => {
    const z = randn([16, 32]);
    expect(ntXentLoss(z, z.mul(3), { temperature: 0.1 }).metrics.contrastiveAccuracy!.item()).toBe(1);
    const shifted = ntXentLoss(z, z.flip(0), { temperature: 0.1 });
    expect(shifted.metrics.contrastiveAccuracy!.item()).toBe(0);
  }));

it("refuses one image, which has no negatives", () =>
  scope(() => {
    expect(() => ntXentLoss(zeros([1, 3]), zeros([1, 3]), { temperature: 0.1 })).toThrow("N at least 2");
  }));
