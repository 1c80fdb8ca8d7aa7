// Steps that are played back, without a GPU: a library that writes down operators (played-gpu/graph.cc) stands for CUDA's graphs.
// N = 8 images of 16 x 16 in trunks of 4 channels
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, test, vi } from "vitest";
import { projectRoot, readCurrentBuild } from "../setup/current.mjs";
import { SelfsightError } from "../src/errors.ts";
import { type MethodName, type StepContext, stepNumber } from "../src/methods/index.ts";
import { stateOf } from "../src/nn/index.ts";
import { addon } from "../src/torch/addon.ts";
import {
  capture,
  full,
  isSupported,
  keep,
  liveTensors,
  noGrad,
  ones,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../src/torch/index.ts";
import { refuseUncapturable, StepGraphs, type StepInputs } from "../src/train/graph/step-graphs.ts";
import { type PartialSettings, type Settings, startRun } from "../src/train/index.ts";
import { withFittingParts } from "../src/train/out-of-memory.ts";
import { buildState, freeState, optimizerState, type TrainState, takeOn } from "../src/train/state.ts";
import { trainStep } from "../src/train/step.ts";
import { tinyBatch, tinySettings } from "./method-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-graph-"));
const part = join(folder, "played-graph.so");
afterAll(() => rmSync(folder, { recursive: true }));

const canPlay = isSupported("_fused_sgd_.tensor_lr");
beforeAll(() => {
  if (!canPlay) return;
  const { include, lib } = readCurrentBuild()!.libtorch;
  const source = join(projectRoot, "test", "played-gpu", "graph.cc");
  const headers = [join(projectRoot, "native"), include].map((name) => `-I${name}`);
  const linked = [`-L${lib}`, `-Wl,-rpath,${lib}`, "-lc10", "-ltorch_cpu"];
  execFileSync("g++", ["-shared", "-fPIC", "-std=c++20", ...headers, "-o", part, source, ...linked]);
}, 300_000);

afterEach(() => {
  vi.restoreAllMocks();
  expect(liveTensors().live).toBe(0);
});

const replays = () => vi.spyOn(addon(), "replayGraph");

/** One whose steps are played back, and one whose steps are run because they are looked at; both take their numbers from tensors. */
function twins(name: MethodName, changes: PartialSettings = {}) {
  return [0, 1].map((watchEverySteps) => {
    const settings = tinySettings(name, { knnEveryEpochs: 0, observeEverySteps: 0, ...changes, watchEverySteps });
    const state = buildState(settings, { length: 32, classes: ["a", "b"] });
    state.graphs = new StepGraphs("cpu", part);
    return state;
  }) as [TrainState, TrainState];
}

const bytesOf = (state: TrainState): Record<string, string> =>
  Object.fromEntries(
    [...stateOf(state.network), ...optimizerState(state)].map(([key, value]) => [
      key,
      Buffer.from(value.data().buffer).toString("hex"),
    ]),
  );

const labelled = (step: number) => ({
  ...tinyBatch(step),
  labels: Int32Array.from({ length: 8 }, (_, i) => (i + step) % 2),
});

function expectEqualSteps([played, run]: [TrainState, TrainState], steps: readonly number[]): void {
  for (const step of steps) {
    const { loss, learningRate } = trainStep(played, labelled(step));
    expect({ loss, learningRate }).toEqual(pick(trainStep(run, labelled(step))));
  }
  expect(bytesOf(played)).toEqual(bytesOf(run));
  expect(played.optimizer.counters).toEqual(run.optimizer.counters);
}
const pick = ({ loss, learningRate }: { loss: number; learningRate: number }) => ({ loss, learningRate });

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe.skipIf(!canPlay)("played back, to the bit", () => {
  const cases: [title: string, name: MethodName, changes: PartialSettings, replays: number][] = [
    ["Barlow Twins", "barlow-twins", {}, 5],
    ["LARS that clips", "barlow-twins", { optimizer: { name: "lars", clipsRatio: true } }, 5],
    ["AdamW", "barlow-twins", { optimizer: { name: "adamw" } }, 5],
    ["mixed views", "barlow-twins", { mixing: 4 }, 5],
    ["SimCLR", "simclr", {}, 5],
    [
      "MoCo, shuffled",
      "moco-v2",
      { batchNormGroups: 2, queueLength: 12, symmetric: true, momentum: 0.5, finalMomentum: 1 },
      5,
    ],
    ["BYOL, whose momentum rises", "byol", { momentum: 0.5, finalMomentum: 1 }, 5],
    [
      "SwAV, its prototypes frozen at first and its queue filled later",
      "swav",
      { queueLength: 16, queueFromEpoch: 1, freezePrototypesEpochs: 1 },
      0,
    ],
    ["SimSiam", "simsiam", {}, 5],
    ["supervised", "supervised", {}, 5],
    ["VICReg", "vicreg", {}, 5],
    ["a classifier that learns beside it", "simclr", { onlineLinear: true }, 5],
    ["bfloat16", "barlow-twins", { precision: "bf16" }, 5],
  ];
  it.each(cases)("%s", (_, name, changes, expected) => {
    const seen = replays();
    const states = twins(name, { steps: 20, ...changes });
    expectEqualSteps(states, upTo(8));
    if (expected > 0) expect(seen).toHaveBeenCalledTimes(expected);
    expectEqualSteps(states, [8, 9, 10, 11]);
    for (const state of states) freeState(state);
  });

  it("by the settings of now, when a run is steered", () => {
    const states = twins("byol", { momentum: 0.5, finalMomentum: 1 });
    expectEqualSteps(states, upTo(6));
    for (const state of states) {
      const { optimizer } = state.settings;
      takeOn(state, { ...state.settings, momentum: 0.1, optimizer: { ...optimizer, learningRate: 0.1 } } as Settings);
    }
    expectEqualSteps(states, [6, 7, 8, 9, 10, 11]);
    for (const state of states) freeState(state);
  });

  it("with views that grow", () => {
    const seen = replays();
    const states = twins("simclr", { earlySize: 8, earlyShare: 0.5, steps: 16, epochs: null });
    expectEqualSteps(states, upTo(16));
    expect(seen).toHaveBeenCalledTimes(10); // three steps of each size are run before
    for (const state of states) freeState(state);
  });

  it("not where somebody looks: every third step is run, and all are the same", () => {
    const seen = replays();
    const states = twins("simclr");
    states[0].settings = { ...states[0].settings, watchEverySteps: 3 };
    expectEqualSteps(states, upTo(12));
    expect(seen).toHaveBeenCalledTimes(5);
    for (const state of states) freeState(state);
  });

  it("without a change, where the loss is not finite, and on from there", () => {
    const states = twins("simclr");
    expectEqualSteps(states, upTo(5));
    const [played] = states;
    const [weight] = [...stateOf(played.network).values()];
    const kept = scope(() => keep(weight!.clone()));
    scope(() => noGrad(() => void weight!.narrow(0, 0, 1).copy_(full([1, ...weight!.shape.slice(1)], Number.NaN))));
    const before = bytesOf(played);
    expect(() => trainStep(played, labelled(5))).toThrow(/^step 5: loss NaN/);
    expect(pickLearned(bytesOf(played))).toEqual(pickLearned(before));
    scope(() => noGrad(() => void weight!.copy_(kept)));
    kept.free();
    expect(played.optimizer.counters).toEqual({ updates: 5 });
    expect(Number.isFinite(trainStep(played, labelled(6)).loss)).toBe(true);
    for (const state of states) freeState(state);
  });
});

it.skipIf(!canPlay)("is not played back where memory ran out: what would fit is tried with its own parts", () => {
  const [state, other] = twins("simclr");
  for (const step of upTo(4)) trainStep(state, labelled(step));
  const seen = replays();
  const told = withFittingParts(state, labelled(4), new SelfsightError("memory", "conv2d: out of memory"));
  expect(told.message).toMatch(/4 at a time went through here just now; .*--set microBatch=4/);
  expect(seen).not.toHaveBeenCalled();
  for (const each of [state, other]) freeState(each);
});

/** All but the running statistics, which a step without an update moves too. */
const pickLearned = (bytes: Record<string, string>) =>
  Object.fromEntries(Object.entries(bytes).filter(([key]) => !/running|num_batches/.test(key)));

describe.skipIf(!canPlay)("what is captured", () => {
  const context = { step: 0, totalSteps: 10, stepsPerEpoch: 5, seed: 0 };
  /** What five steps of a work leave in a sum. */
  const sumOf = (work: (sum: Tensor, at: StepContext) => void): number => {
    const graphs = new StepGraphs("cpu", part);
    const [sum, view] = [keep(zeros([])), keep(ones([1]))];
    const step = (inputs: StepInputs, at: StepContext) => {
      noGrad(() => work(sum, at));
      return { loss: inputs.views[0]!.sum() };
    };
    try {
      for (const number of upTo(5))
        scope(() => {
          graphs.take({ views: [view] }, { ...context, step: number }, { phase: "", work: step, count() {} });
        });
      return sum.item();
    } finally {
      for (const tensor of [sum, view]) tensor.free();
      graphs.free();
    }
  };

  it("follows a number that it takes from the context, and no other", () => {
    const of = (at: StepContext) => 10 ** at.step;
    expect(sumOf((sum, at) => void sum.add_(stepNumber(at, of)))).toBe(11111);
    expect(sumOf((sum, at) => void sum.add_(of(at)))).toBe(111 + 1000 + 1000); // that of the captured step, twice
  });

  it("takes no numbers from the program, and gives none", () => {
    const brings = (sum: Tensor) => void sum.add_(tensor([1], []));
    expect(() => sumOf(brings)).toThrow(
      /^tensor: numbers that pass between program and device while a step is captured/,
    );
    expect(() => sumOf((sum) => void sum.item())).toThrow(/^item: numbers that pass/);
    expect(() => sumOf((sum) => void sum.data())).toThrow(/^data: numbers that pass/);
    expect(sumOf((sum) => void sum.add_(1))).toBe(5); // what failed has left nothing behind
  });

  it("takes no more numbers than the steps before it", () => {
    let steps = 0;
    const grows = (sum: Tensor, at: StepContext) => {
      steps += 1;
      for (const _ of upTo(steps)) sum.add_(stepNumber(at, () => 1));
    };
    expect(() => sumOf(grows)).toThrow(/^cudaGraph: a step takes more numbers than the one before it/);
  });

  it("needs its library", () => {
    expect(() => capture(() => 1, "")).toThrow(
      /^cudaGraph: the addon's part for CUDA graphs is missing; .*setup --libtorch cuda/,
    );
    expect(() => capture(() => 1, join(folder, "none.so"))).toThrow(/does not open/);
  });
});

test("cudaGraph is refused on the processor, before a run's folder is made", async () => {
  const settings = tinySettings("simclr", { cudaGraph: true });
  expect(() => buildState(settings, { length: 32 })).toThrow(
    /cudaGraph on the processor; a GPU is needed; give --set cudaGraph=false$/,
  );
  const out = join(folder, "refused");
  const start = startRun("shapes", [settings], { out, command: "test", warn: () => {} });
  await expect(start).rejects.toThrow(/cudaGraph on the processor/);
  expect(existsSync(out)).toBe(false);
});

test.each([
  [{ cudaGraph: true, microBatch: 4 } as const, 1, /with microBatch 4; the whole batch at a time/],
  [{ cudaGraph: true } as const, 2, /for 2 processes; one is needed/],
  [{ cudaGraph: false } as const, 2, undefined],
])("%o on a GPU by %d", (changes, processes, message) => {
  const refuse = () => refuseUncapturable(tinySettings("simclr", changes), "cuda", processes);
  if (message) expect(refuse).toThrow(message);
  else expect(refuse()).toBeUndefined();
});
