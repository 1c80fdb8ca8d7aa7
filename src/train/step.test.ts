// N = 8 images of 16 x 16 in trunks of 4 channels
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { freeState, tinyBatch, tinySettings, tinyState } from "../../test/method-suite.ts";
import { type MethodName, methods } from "../methods/index.ts";
import { namedParameters } from "../nn/index.ts";
import { addon } from "../torch/addon.ts";
import { full, liveTensors, randn, scope, type Tensor } from "../torch/index.ts";
import { buildState, type TrainState } from "./state.ts";
import { enqueueStep, enqueueStepOnViews, type StepResult } from "./step.ts";

// The older libtorch has no fused operators; here they can be hidden, so that both ways are tried.
const fused = vi.hoisted(() => ({ isHidden: false }));
vi.mock("../torch/index.ts", async (load) => {
  const actual = await load<typeof import("../torch/index.ts")>();
  const isSupported: typeof actual.isSupported = (name) => !fused.isHidden && actual.isSupported(name);
  return { ...actual, isSupported };
});

afterEach(() => {
  fused.isHidden = false;
  vi.restoreAllMocks();
  expect(liveTensors().live).toBe(0);
});

describe.each(Object.keys(methods) as MethodName[])("a step of %s", (name) => {
  it("reads nothing back from the device until its numbers are asked for, the watch's among them", () => {
    const state = tinyState(name, {
      watchEverySteps: 1,
      ...(name === "moco-v2" && { batchNormGroups: 2, queueLength: 16 }),
    });
    const readers = (["item", "toTypedArray", "lendTypedArray"] as const).map((reader) => vi.spyOn(addon(), reader));
    const reads = () => readers.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    const steps = [0, 1, 2].map((step) => enqueueStep(state, tinyBatch(step)));
    expect(reads()).toBe(0);
    const results = steps.map((step) => step.read());
    expect(reads()).toBeGreaterThan(9);
    for (const { loss, featureStd } of results) expect([loss, featureStd].every(Number.isFinite)).toBe(true);
    freeState(state);
  });
});

const statesByOptimizer = (name: "sgd" | "lars" | "adamw"): TrainState =>
  buildState(
    { ...tinySettings("barlow-twins"), optimizer: { ...tinySettings("barlow-twins").optimizer, name } },
    { length: 32 },
  );

const bytesOf = (tensors: Iterable<Tensor>): string =>
  Array.from(tensors, (tensor) => Buffer.from(tensor.data().buffer).toString("base64")).join();

const learnedBytes = ({ method, optimizer }: TrainState): string =>
  bytesOf([...namedParameters(method.trainable).values(), ...optimizer.state().values()]);

describe.each([
  ["sgd", false],
  ["lars", false],
  ["adamw", false],
  ["sgd", true],
  ["lars", true],
  ["adamw", true],
] as const)("a loss that is not finite under %s (older libtorch: %s)", (name, isHidden) => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "of pixels that are %s changes no weight, nor do the steps given after it",
    (value) => {
      fused.isHidden = isHidden;
      const state = statesByOptimizer(name);
      const step = (make: () => Tensor) => scope(() => enqueueStepOnViews(state, [make(), make()]));
      const good = () => randn([8, 3, 16, 16]);
      step(good).read();
      const before = learnedBytes(state);
      const [lost, later] = [step(() => full([8, 3, 16, 16], value)), step(good)];
      expect(learnedBytes(state)).toBe(before);
      expect(() => lost.read()).toThrow(/^step 1: loss NaN, onDiagonal NaN.*the weights are as before this step/);
      expect([state.step, state.optimizer.counters.updates]).toEqual([1, 1]);
      expect(later.read().loss).toBeGreaterThan(0);
      step(good).read(); // the state serves again
      expect([state.step, learnedBytes(state) === before]).toEqual([2, false]);
      freeState(state);
    },
  );
});

test("steps read late say the same as steps read at once", () => {
  const losses = (read: (state: TrainState) => StepResult[]) => {
    const state = tinyState("barlow-twins", { watchEverySteps: 2 });
    const results = read(state);
    freeState(state);
    return results;
  };
  const batches = [0, 1, 2, 3, 4].map((step) => tinyBatch(step));
  const atOnce = losses((state) => batches.map((batch) => enqueueStep(state, batch).read()));
  const late = losses((state) => batches.map((batch) => enqueueStep(state, batch)).map((step) => step.read()));
  expect(late).toEqual(atOnce);
});
