import { afterEach, describe, expect, it } from "vitest";
import { tinyBatch } from "../../test/method-suite.ts";
import { tinySettings } from "../../test/tiny-run.ts";
import { freeNetwork, freeOptimizer, loadState, namedParameters, stateOf } from "../nn/index.ts";
import { liveTensors, scope } from "../torch/index.ts";
import type { PartialSettings } from "./settings/settings.ts";
import { buildState, peakRates, scheduleFactor, type TrainState } from "./state.ts";
import { embedBatch, trainStep } from "./step.ts";

const states: TrainState[] = [];
afterEach(() => {
  for (const { optimizer, network } of states.splice(0)) {
    freeOptimizer(optimizer);
    freeNetwork(network);
  }
  expect(liveTensors().live).toBe(0);
});

/** A run on 40 pictures: five steps an epoch, twelve in all. */
function built(...layers: PartialSettings[]): TrainState {
  const state = buildState(tinySettings({ precision: "fp32" }, ...layers), { length: 40 });
  states.push(state);
  return state;
}

const weightsOf = ({ network }: TrainState) =>
  [...namedParameters(network).values()].map((parameter) => [...parameter.float32()].join()).join();

describe("keyed by the seed", () => {
  it("are the first weights", () => {
    expect(weightsOf(built())).toBe(weightsOf(built()));
    expect(weightsOf(built({ seed: 1 }))).not.toBe(weightsOf(built()));
  });

  it("are the views of a step", () => {
    const embeddingsWith = (seed: number) => {
      const [first, state] = [built(), built({ seed })];
      loadState(state.network, stateOf(first.network)); // the same weights
      return scope(() => embedBatch(state, tinyBatch()).map((embedding) => [...embedding.float32()].join()));
    };
    expect(embeddingsWith(0)).toEqual(embeddingsWith(0));
    expect(embeddingsWith(1)).not.toEqual(embeddingsWith(0));
  });
});

describe("biases and the parameters of norms", () => {
  const lars = { name: "lars", learningRate: 2, biasLearningRate: 0.5, batchRule: "none", weightDecay: 0.1 } as const;
  const groupsOf = (optimizer: PartialSettings["optimizer"]) =>
    Object.fromEntries(
      built({ optimizer: { ...lars, ...optimizer } }).optimizer.groups.map(({ name, parameters, ...rest }) => [
        name,
        { ...rest, dimensions: new Set([...parameters.values()].map(({ shape }) => Math.min(2, shape.length))) },
      ]),
    );

  it("neither decay nor are adapted by LARS, and have a rate of their own", () => {
    expect(groupsOf({ decaysBiases: false, adaptsBiases: false })).toMatchObject({
      weights: { learningRate: 2, weightDecay: 0.1, isAdapted: true, dimensions: new Set([2]) },
      biases: { learningRate: 0.5, weightDecay: 0, isAdapted: false, dimensions: new Set([1]) },
    });
  });

  it("do where a method wants it", () => {
    expect(groupsOf({ decaysBiases: true, adaptsBiases: true, biasLearningRate: null })).toMatchObject({
      biases: { learningRate: 2, weightDecay: 0.1, isAdapted: true },
    });
  });

  it("are excluded where nobody says otherwise", () => {
    const { optimizer } = tinySettings({ method: "barlow-twins", optimizer: { name: "lars" } });
    expect(optimizer).toMatchObject({ decaysBiases: false, adaptsBiases: false });
  });
});

describe("the rate", () => {
  it("follows the batch as its rule says", () => {
    const ratesBy = (batchRule: "linear" | "sqrt" | "none", learningRate: number | "authors" = 0.3) =>
      peakRates(tinySettings({ batchSize: 1024, optimizer: { name: "lars", batchRule, learningRate } })).weights;
    expect(ratesBy("linear")).toBeCloseTo(0.3 * 4, 12);
    expect(ratesBy("sqrt")).toBeCloseTo(0.3 * 32, 12);
    expect(ratesBy("none")).toBe(0.3);
    expect(ratesBy("linear", "authors")).toBeCloseTo(0.25 * 4, 12);
  });

  it("rises over the warm-up and ends at the floor", () => {
    const state = built({ warmupEpochs: 1, floor: 0.25, steps: 100, cosinePer: "step" });
    const factors = Array.from({ length: 101 }, (_, step) => scheduleFactor({ ...state, step }));
    expect(factors.slice(0, 6)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1].map((factor) => expect.closeTo(factor, 12)));
    expect(factors.at(-1)).toBeCloseTo(0.25, 12);
    expect(new Set(factors.slice(5)).size).toBe(96);
  });

  it("stays through an epoch where the cosine is taken per epoch", () => {
    const state = built({ warmupEpochs: 0, steps: 20, cosinePer: "epoch" });
    const factors = Array.from({ length: 20 }, (_, step) => scheduleFactor({ ...state, step }));
    expect(factors).toEqual(factors.map((_, step) => factors[step - (step % 5)]));
    expect(new Set(factors).size).toBe(4);
  });

  it("is what a step is taken with: the first step of a warm-up changes no weight", () => {
    const state = built({ warmupEpochs: 1 });
    const before = weightsOf(state);
    expect(trainStep(state, tinyBatch(0)).learningRate).toBe(0);
    expect(weightsOf(state)).toBe(before);
    trainStep(state, tinyBatch(1));
    expect(weightsOf(state)).not.toBe(before);
  });
});
