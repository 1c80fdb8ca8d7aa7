import { expect, it } from "vitest";
import { freeState, lossOf, runMethodSuite, tinyBatch, tinyState, vectors } from "../../test/method-suite.ts";
import { makeViews } from "../augment/index.ts";
import { stateOf } from "../nn/index.ts";
import { cat, manualSeed, randn, scope, tensor } from "../torch/index.ts";
import { trainStep } from "../train/index.ts";
import { sinkhornCodes, swavLoss } from "./swav.ts";
import { swavViews } from "./views.ts";

const options = { projector: "16-8", prototypes: 6, epsilon: 0.05, freezePrototypesEpochs: 0 };
const paper = { temperature: 0.1, epsilon: 0.05, iterations: 3 };

runMethodSuite("swav", { options, isSymmetric: true, refusesCollapse: true, cases: "swav" });

const scoresOf = (rows: () => ReturnType<typeof vectors.za>) => {
  const unit = rows().div(rows().norm({ dim: 1, keepDim: true }));
  return unit.matmul(vectors.queue().narrow(0, 0, 3).T); // [4, 3]
};

it("makes the codes of Sinkhorn-Knopp, in double precision by hand", () => {
  const codes = scope(() => Array.from(sinkhornCodes(scoresOf(vectors.za), paper).float32()));
  const expected = [0.82522146, 0, 0.17477854, 0, 1, 0, 0.08010267, 0, 0.91989733, 1.8e-6, 0.9999982, 0];
  codes.forEach((code, i) => {
    expect(code).toBeCloseTo(expected[i]!, 5);
  });
});

it("has the value of eq. 1, in double precision by hand", () => {
  const loss = scope(() => swavLoss([scoresOf(vectors.za), scoresOf(vectors.zb)], paper).loss.item());
  expect(loss).toBeCloseTo(5.725879033, 4);
});

it("uses every prototype equally in the limit, whatever the scores", () =>
  scope(() => {
    manualSeed(1);
    const codes = sinkhornCodes(randn([12, 4]), { epsilon: 0.5, iterations: 100 });
    expect(codes.sum({ dim: 1 }).sub(1).abs().amax().item()).toBeLessThan(1e-5);
    expect(codes.sum({ dim: 0 }).sub(3).abs().amax().item()).toBeLessThan(1e-3);
  }));

it("stays finite where exp(S/ε) would not", () => {
  const codes = scope(() =>
    sinkhornCodes(tensor([1, -1, 0.5, -0.5, 0.2, 0.9], [3, 2]), { epsilon: 0.001, iterations: 3 }).float32(),
  );
  expect(codes.every(Number.isFinite)).toBe(true);
});

it("lets queued embeddings shape the codes of the batch's own rows", () =>
  scope(() => {
    manualSeed(2);
    const [own, other, queued] = [randn([4, 3]), randn([4, 3]), randn([10, 3])];
    const whole = sinkhornCodes(cat([queued, own]), paper).narrow(0, 10, 4); // rows of the batch
    const log = other.div(0.1).logSoftmax(1);
    const expected = whole.mul(log).sum({ dim: 1 }).mean().neg().item();
    const reverse = sinkhornCodes(cat([queued, other]), paper).narrow(0, 10, 4);
    const expectedReverse = reverse.mul(own.div(0.1).logSoftmax(1)).sum({ dim: 1 }).mean().neg().item();
    const loss = swavLoss([own, other], { ...paper, queued: [queued, queued] }).loss.item();
    expect(loss).toBeCloseTo((expected + expectedReverse) / 2, 4);
    expect(Math.abs(loss - swavLoss([own, other], paper).loss.item())).toBeGreaterThan(1e-3);
  }));

it("runs crops of two sizes, and the small ones have their say in the loss", () => {
  const views = swavViews({ size: 16 }, 3);
  expect(views.map(({ size }) => size)).toEqual([16, 16, 8, 8, 8]);
  expect(swavViews({ size: 224 }).map(({ size }) => size)).toEqual([224, 224, 96, 96, 96, 96, 96, 96]);
  const state = tinyState("swav", { ...options, views });
  expect(Number.isFinite(trainStep(state, tinyBatch()).loss)).toBe(true);
  scope(() => {
    const made = makeViews(tinyBatch(), views, { seed: 0 });
    const all = lossOf(state, made, tensor([0])).item();
    const two = lossOf(state, made.slice(0, 2), tensor([0])).item();
    expect(Math.abs(all - two)).toBeGreaterThan(1e-4);
  });
  freeState(state);
});

it("keeps prototypes of unit length, and still while frozen", () => {
  const state = tinyState("swav", { ...options, freezePrototypesEpochs: 0.5 }); // two of four steps
  const prototypes = stateOf(state.method.trainable.prototypes!).get("weight")!;
  const at = () => Array.from(prototypes.float32());
  const first = at();
  trainStep(state, tinyBatch(0));
  trainStep(state, tinyBatch(1));
  at().forEach((value, i) => {
    expect(value).toBeCloseTo(first[i]!, 6);
  });
  trainStep(state, tinyBatch(2));
  expect(Math.max(...at().map((value, i) => Math.abs(value - first[i]!)))).toBeGreaterThan(1e-4);
  scope(() => expect(prototypes.norm({ dim: 1 }).sub(1).abs().amax().item()).toBeLessThan(1e-6));
  freeState(state);
});

it("fills its queue from the epoch named and uses it once full", () => {
  const state = tinyState("swav", { ...options, queueLength: 16, queueFromEpoch: 0.5 }); // from step 2, full at step 4
  const twin = tinyState("swav", options);
  const losses = [state, twin].map((run) => [0, 1, 2, 3, 4].map((step) => trainStep(run, tinyBatch(step)).loss));
  expect(losses[0]!.slice(0, 4)).toEqual(losses[1]!.slice(0, 4));
  expect(losses[0]![4]).not.toBe(losses[1]![4]);
  expect([...stateOf(state.method.frozen!).keys()]).toEqual([
    "queueA.rows",
    "queueA.next",
    "queueB.rows",
    "queueB.next",
  ]);
  freeState(state);
  freeState(twin);
});
