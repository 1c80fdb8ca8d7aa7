// Each method's guard against collapse, taken off: what then has the least loss, or learns.
import { expect, it } from "vitest";
import { freeState, tinyState } from "../../test/method-suite.ts";
import { ones, randn, scope, type Tensor, tensor } from "../torch/index.ts";
import type { MethodName } from "./index.ts";
import { attractionLoss, ntXentLoss } from "./simclr.ts";
import { simsiamLoss } from "./simsiam.ts";
import { swavLoss } from "./swav.ts";

const context = { step: 0, totalSteps: 10, stepsPerEpoch: 5, seed: 0 };
const onePoint = (rows = 4) => ones([rows, 8]);

/** The loss of given embeddings by a method with these options. */
function lossBy(name: MethodName, options: Record<string, unknown>, embeddings: () => Tensor[]): number {
  const state = tinyState(name, options);
  const value = scope(() => state.method.loss(embeddings(), context).loss.item());
  freeState(state);
  return value;
}

it("SimSiam without stop-gradient gives its targets a gradient", () =>
  scope(() => {
    const [p, z] = [randn([4, 8]).requiresGrad_(), randn([4, 8]).requiresGrad_()];
    simsiamLoss([[p, z]], { stopGradient: false }).loss.backward();
    expect(z.grad!.norm().item()).toBeGreaterThan(0);
  }));

it("SimCLR without negatives is least, −1/τ, when all embeddings are one point; with them that is log(2N − 1)", () =>
  scope(() => {
    const options = { temperature: 0.5 };
    expect(attractionLoss(onePoint(), onePoint(), options).loss.item()).toBeCloseTo(-2, 5);
    expect(ntXentLoss(onePoint(), onePoint(), options).loss.item()).toBeCloseTo(Math.log(7), 5);
  }));

it("MoCo without negatives is least, −1/τ, when all embeddings are one point", () => {
  const options = { projector: "16-8", queueLength: 8, temperature: 0.5, batchNormGroups: 1 };
  const pair = () => [onePoint(), onePoint()];
  expect(lossBy("moco-v2", { ...options, negatives: false }, pair)).toBeCloseTo(-2, 5);
  expect(lossBy("moco-v2", options, pair)).toBeGreaterThan(0);
});

it("SwAV without Sinkhorn is content when one prototype takes all; with it that costs log K", () =>
  scope(() => {
    const scores = () => tensor([1, -1, -1, 1, -1, -1], [2, 3]); // cosines with three prototypes
    const options = { epsilon: 0.05, iterations: 3, temperature: 0.1 };
    expect(swavLoss([scores(), scores()], { ...options, sinkhorn: false }).loss.item()).toBeCloseTo(0, 5);
    expect(swavLoss([scores(), scores()], options).loss.item()).toBeGreaterThan(Math.log(3));
  }));

it("BYOL without predictor compares the projections themselves", () => {
  const state = tinyState("byol", { projector: "16-8", predictor: "none" });
  expect(Object.keys(state.method.trainable)).not.toContain("predictor");
  const same = scope(() => {
    const r = randn([6, 32]);
    const [p, , z] = state.method.embed([r, r, r, r], context); // student and teacher start alike
    return p!.sub(z!).abs().amax().item();
  });
  expect(same).toBeLessThan(1e-5);
  freeState(state);
});
