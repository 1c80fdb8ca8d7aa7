import { afterAll, expect, it } from "vitest";
import { freeState, tinyBatch, tinySettings, tinyState } from "../../test/method-suite.ts";
import { makeViews } from "../augment/index.ts";
import type { MethodName } from "../methods/index.ts";
import { Module, namedParameters, stateOf } from "../nn/index.ts";
import { liveTensors, noGrad, scope } from "../torch/index.ts";
import { partsOf, representBatch, withPrecision } from "./micro-batch.ts";
import { contextOf, type TrainState } from "./state.ts";
import { trainStep } from "./step.ts";

const small = { projector: "16-8" };
const coupled: [MethodName, Record<string, string | number>][] = [
  ["barlow-twins", small],
  ["barlow-twins", { ...small, asymmetry: "both" }],
  ["barlow-twins", { ...small, mixing: 4 }],
  ["simclr", small],
  ["vicreg", small],
  ["swav", { ...small, prototypes: 6 }],
];

afterAll(() => expect(liveTensors().live).toBe(0));

const trunkOf = ({ method }: TrainState): Module => {
  const { backbone } = method.trainable;
  if (!(backbone instanceof Module)) throw new Error("the trunk is one module");
  return backbone;
};

/** Loss and gradients of a step that is not taken. */
function gradientsOf(state: TrainState) {
  return scope(() => {
    const context = contextOf(state);
    const { representations, backward } = representBatch(state, tinyBatch(), context);
    const embeddings = withPrecision(state, () => state.method.embed(representations, context));
    const { loss } = state.method.loss(embeddings, context);
    backward(loss);
    const parameters = [...namedParameters(state.method.trainable)];
    return { loss: loss.item(), gradients: new Map(parameters.map(([name, { grad }]) => [name, grad!.float32()])) };
  });
}

/** Relative to the largest gradient: one before a batch norm is 0 but for rounding. */
function largestDifference(a: Map<string, Float32Array>, b: Map<string, Float32Array>): number {
  const largest = Math.max(...[...b.values()].map((values) => Math.hypot(...values)));
  const errors = [...a].map(([name, values]) => {
    const other = b.get(name)!;
    return Math.hypot(...values.map((value, i) => value - other[i]!)) / largest;
  });
  return Math.max(...errors);
}

it.each(coupled)("%s: parts of 2 and 4 give the loss and gradient of the batch of 8", (name, options) => {
  const [whole, ...cut] = [null, 2, 4].map((microBatch) => {
    const state = tinyState(name, { ...options, microBatch });
    trunkOf(state).eval();
    const result = gradientsOf(state);
    freeState(state);
    return result;
  });
  for (const { loss, gradients } of cut) {
    expect(Math.abs(loss / whole!.loss - 1)).toBeLessThan(1e-5);
    expect(largestDifference(gradients, whole!.gradients)).toBeLessThan(1e-5);
  }
});

it("is no plain accumulation: the mean over parts has another gradient", () => {
  const state = tinyState("barlow-twins", small);
  trunkOf(state).eval();
  const whole = gradientsOf(state);
  for (const parameter of namedParameters(state.method.trainable).values()) parameter.clearGrad();
  scope(() => {
    for (const part of partsOf(tinyBatch(), 4)) {
      const context = contextOf(state);
      const { representations } = representBatch(state, part, context);
      state.method.loss(state.method.embed(representations, context), context).loss.div(2).backward();
    }
  });
  const summed = scope(() => {
    const parameters = [...namedParameters(state.method.trainable)];
    return new Map(parameters.map(([name, { grad }]) => [name, grad!.float32()]));
  });
  expect(largestDifference(summed, whole.gradients)).toBeGreaterThan(0.1);
  freeState(state);
});

it("moves running statistics once for each pass of images, not twice", () => {
  const [stepped, passed] = [tinyState("barlow-twins", { ...small, microBatch: 4 }), tinyState("barlow-twins", small)];
  trainStep(stepped, tinyBatch());
  scope(() =>
    noGrad(() => {
      for (const part of partsOf(tinyBatch(), 4))
        passed.method.represent(makeViews(part, passed.settings.views, { seed: 0 }), contextOf(passed));
    }),
  );
  const [own, expected] = [stepped, passed].map((state) => stateOf(trunkOf(state)));
  expect(own!.get("bn1.num_batches_tracked")!.item()).toBe(4); // 2 parts x 2 views
  for (const name of ["bn1.running_mean", "bn1.running_var", "layer4.1.bn2.running_var"])
    expect(own!.get(name)!.float32(), name).toEqual(expected!.get(name)!.float32());
  freeState(stepped);
  freeState(passed);
});

it("keeps pictures, places and labels together when it cuts a batch", () => {
  const batch = tinyBatch(1);
  const parts = partsOf(batch, 3);
  expect(parts.map(({ indices }) => [...indices])).toEqual([
    [8, 9, 10],
    [11, 12, 13],
    [14, 15],
  ]);
  expect(parts.flatMap(({ labels }) => [...labels!])).toEqual([...batch.labels!]);
  const pixels = parts.flatMap(({ images }) => ("pixels" in images ? [...images.pixels] : []));
  expect(pixels).toEqual("pixels" in batch.images ? [...batch.images.pixels] : []);
});

/** A batch of 8 is too small for MoCo's eight groups of batch norm. */
const ungrouped = (name: string) => (name === "moco-v2" ? { batchNormGroups: 1 } : {});

it("refuses parts that do not divide the batch, and methods whose loss is a mean over images", () => {
  expect(() => tinySettings("barlow-twins", { microBatch: 3 })).toThrow("give a divisor of 8");
  expect(() => tinySettings("barlow-twins", { microBatch: 1 })).toThrow("at least 2 images");
  for (const name of ["byol", "simsiam", "moco-v2", "supervised"] as const)
    expect(() => tinySettings(name, { microBatch: 4, ...ungrouped(name) })).toThrow("its loss is a mean over images");
});
