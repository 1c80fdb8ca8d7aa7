import { expect, it } from "vitest";
import { freeState, runMethodSuite, tinyState, vectors } from "../../test/method-suite.ts";
import { namedParameters } from "../nn/index.ts";
import { randn, scope } from "../torch/index.ts";
import { simsiamLoss } from "./simsiam.ts";

const options = { projector: "16-16-8", predictor: "4" };

// Collapse is a minimum of this loss too; predictor and stopped gradient keep training away from it (section 4.1, 4.2).
runMethodSuite("simsiam", { options, isSymmetric: true, refusesCollapse: false, cases: "simsiam" });

it("has the value of eq. 1, in double precision by hand", () => {
  expect(scope(() => simsiamLoss([[vectors.za(), vectors.zb()]]).loss.item())).toBeCloseTo(-0.4248165576, 5);
});

it("is −1 at best and gives the targets no gradient", () =>
  scope(() => {
    const [p, z] = [randn([4, 8]).requiresGrad_(), randn([4, 8]).requiresGrad_()];
    simsiamLoss([[p, z]]).loss.backward();
    expect(z.grad).toBeUndefined();
    expect(
      simsiamLoss([
        [p, p],
        [z, z],
      ]).loss.item(),
    ).toBeCloseTo(-1, 6);
  }));

it("holds the predictor's learning rate, and no other", () => {
  const state = tinyState("simsiam", options);
  const constant = state.optimizer.groups.filter(({ followsSchedule }) => followsSchedule === false);
  const names = constant.flatMap(({ parameters }) => [...parameters.keys()]);
  expect(names.sort()).toEqual(
    [...namedParameters(state.method.trainable).keys()].filter((name) => name.startsWith("predictor.")).sort(),
  );
  freeState(state);
});

it("ends the projector in batch norm without parameters, so its outputs are standardised", () => {
  const state = tinyState("simsiam", options);
  scope(() => {
    const context = { step: 0, totalSteps: 1, stepsPerEpoch: 1, seed: 0 };
    const [z] = state.method.embed([randn([64, 32]), randn([64, 32])], context);
    expect(z!.mean({ dim: 0 }).abs().amax().item()).toBeLessThan(1e-5);
    expect(z!.var({ dim: 0, unbiased: false }).sub(1).abs().amax().item()).toBeLessThan(1e-3);
  });
  freeState(state);
});
