import { expect, it } from "vitest";
import { runMethodSuite, vectors } from "../../test/method-suite.ts";
import { full, scope, zeros } from "../torch/index.ts";
import { vicregLoss } from "./vicreg.ts";

const weights = { invariance: 25, variance: 25, covariance: 1 };

runMethodSuite("vicreg", { options: { projector: "16-8" }, isSymmetric: true, refusesCollapse: true });

it("has the values of eq. 1 to 6, in double precision by hand", () =>
  scope(() => {
    const { loss, metrics } = vicregLoss(vectors.za(), vectors.zb(), weights);
    expect(metrics.invariance!.item()).toBeCloseTo(0.5408513171, 5);
    expect(metrics.variance!.item()).toBeCloseTo(0.2401293684, 5);
    expect(metrics.covariance!.item()).toBeCloseTo(0.9917679308, 5);
    expect(loss.item()).toBeCloseTo(20.5162850677, 4);
  }));

it("weighs its three parts", () =>
  scope(() => {
    const { loss, metrics } = vicregLoss(vectors.za(), vectors.zb(), { invariance: 2, variance: 3, covariance: 5 });
    const [i, v, c] = [metrics.invariance!, metrics.variance!, metrics.covariance!].map((part) => part.item());
    expect(loss.item()).toBeCloseTo(2 * i! + 3 * v! + 5 * c!, 5);
  }));

it("pays 1 − 0.01 per feature where all embeddings are one point", () =>
  scope(() => {
    const { metrics } = vicregLoss(full([4, 3], 2), full([4, 3], 2), weights);
    expect(metrics.variance!.item()).toBeCloseTo(0.99, 5);
    expect(metrics.covariance!.item()).toBe(0);
  }));

it("refuses one image, which has no variance", () =>
  scope(() => {
    expect(() => vicregLoss(zeros([1, 3]), zeros([1, 3]), weights)).toThrow("N at least 2");
  }));
