import { expect, it } from "vitest";
import { freeState, runMethodSuite, tinyBatch, tinySettings, tinyState, vectors } from "../../test/method-suite.ts";
import { namedParameters } from "../nn/index.ts";
import { randn, scope } from "../torch/index.ts";
import { type PartialSettings, parseSettings, trainStep } from "../train/index.ts";
import { byolLoss } from "./byol.ts";
import { momentumAt } from "./parts.ts";

// Collapse is a minimum of this loss: only predictor, teacher and stopped gradient keep training away from it (section 3.2).
runMethodSuite("byol", {
  options: { projector: "16-8", predictor: "16" },
  isSymmetric: true,
  refusesCollapse: false,
  cases: "byol",
});

it("has the value of eq. 2 in one direction, in double precision by hand", () => {
  expect(scope(() => byolLoss([[vectors.za(), vectors.zb()]]).loss.item())).toBeCloseTo(1.1503668848, 5);
});

it("gives the targets no gradient and does not see lengths", () =>
  scope(() => {
    const [p, z] = [randn([4, 8]).requiresGrad_(), randn([4, 8]).requiresGrad_()];
    const { loss } = byolLoss([[p, z]]);
    loss.backward();
    expect(z.grad).toBeUndefined();
    expect(p.grad!.mul(p).sum({ dim: 1 }).abs().amax().item()).toBeLessThan(1e-6); // the gradient is across each row
    expect(byolLoss([[p.mul(3), z.mul(0.1)]]).loss.item()).toBeCloseTo(loss.item(), 5);
  }));

it("raises the momentum from its start to 1 along a half cosine", () => {
  const at = (step: number) => momentumAt({ step, totalSteps: 1000 }, { momentum: 0.996, finalMomentum: 1 });
  expect(at(0)).toBeCloseTo(0.996, 12);
  expect(at(250)).toBeCloseTo(1 - (0.004 * (Math.SQRT1_2 + 1)) / 2, 12);
  expect(at(1000)).toBe(1);
});

it("ends its heads without biases, as the official code does; a run from before the setting keeps them", () => {
  const options = { projector: "16-8", predictor: "16" };
  const older: Record<string, unknown> = { ...tinySettings("byol", options) };
  expect(older.lastBias).toBe(false);
  delete older.lastBias;
  expect(parseSettings(older)).toMatchObject({ lastBias: true });
  const biasesWith = (own: PartialSettings) => {
    const state = tinyState("byol", own);
    const names = [...namedParameters(state.network).keys()].filter((name) =>
      /(projector|predictor)\.\d+\.bias$/.test(name),
    );
    freeState(state);
    return names;
  };
  const hidden = ["projector", "predictor", "teacher.projector"].flatMap((head) => [
    `${head}.0.bias`,
    `${head}.1.bias`,
  ]);
  expect(biasesWith(options)).toEqual(hidden);
  const last = ["projector.3.bias", "predictor.3.bias", "teacher.projector.3.bias"];
  expect(biasesWith({ ...options, lastBias: true }).filter((name) => !hidden.includes(name))).toEqual(last);
});

it("starts with teacher and student equal and lets the teacher lag behind", () => {
  const state = tinyState("byol", { projector: "16-8", predictor: "16", momentum: 0.5, finalMomentum: 0.5 });
  const distance = () =>
    scope(() => {
      const students = namedParameters(state.method.trainable);
      const gaps = [...namedParameters(state.method.frozen!.teacher!)].map(([key, p]) =>
        p.sub(students.get(key)!).norm().item(),
      );
      return Math.hypot(...gaps);
    });
  expect(distance()).toBe(0);
  trainStep(state, tinyBatch());
  expect(distance()).toBeGreaterThan(1e-3);
  freeState(state);
});
