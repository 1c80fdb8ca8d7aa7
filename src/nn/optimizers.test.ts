import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { freeAll, keep, liveTensors, noGrad, scope, type Tensor, tensor } from "../torch/index.ts";
import { fromStored, readSafetensors } from "../weights/formats/safetensors.ts";
import { adamw, freeOptimizer, lars, type Optimizer, type ParameterGroup, sgd } from "./optimizers.ts";

// The older libtorch has no fused operators; here they can be hidden, so that both ways are tried.
const fused = vi.hoisted(() => ({ isHidden: false }));
vi.mock("../torch/index.ts", async (load) => {
  const actual = await load<typeof import("../torch/index.ts")>();
  const isSupported: typeof actual.isSupported = (name) => !fused.isHidden && actual.isSupported(name);
  return { ...actual, isSupported };
});

afterEach(() => {
  fused.isHidden = false;
  expect(liveTensors().live).toBe(0);
});

interface Case {
  options: { learningRate: number; weightDecay: number; momentum: number; beta1: number; beta2: number; eps: number };
  shapes: number[][];
  start: number[][];
  factors: number[];
  /** [step][parameter][element] */
  gradients: number[][][];
  after: number[][][];
}
const reference = new URL("../../test/reference/", import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL("optimizers.json", reference), "utf8")) as {
  cases: Record<string, Case>;
};

const parametersOf = ({ shapes, start }: Case): Map<string, Tensor> =>
  new Map(shapes.map((shape, i) => [`p${i}`, keep(tensor(start[i]!, shape).requiresGrad_())]));

const rules: Record<string, (groups: ParameterGroup[], options: Case["options"]) => Optimizer> = {
  sgd: (groups, options) => sgd(groups, options),
  nesterov: (groups, options) => sgd(groups, { ...options, nesterov: true }),
  adamw: (groups, options) => adamw(groups, options),
};

function start(name: string, reference = cases[name]!) {
  const parameters = parametersOf(reference);
  const { learningRate, weightDecay } = reference.options;
  const optimizer = rules[name]!([{ name: "all", parameters, learningRate, weightDecay }], reference.options);
  const step = (number: number) =>
    scope(() => {
      [...parameters.values()].forEach((parameter, i) => {
        parameter.setGrad(tensor(reference.gradients[number]![i]!, reference.shapes[i]!));
      });
      optimizer.step(reference.factors[number]!);
      optimizer.clearGradients();
    });
  const values = () => [...parameters.values()].map((parameter) => [...(parameter.data() as Float32Array)]);
  const end = () => {
    freeAll(parameters.values());
    freeOptimizer(optimizer);
  };
  return { reference, parameters, optimizer, step, values, end };
}

function expectNear(found: number[][], expected: number[][]): void {
  const difference = Math.hypot(...found.flatMap((row, i) => row.map((value, j) => value - expected[i]![j]!)));
  expect(difference).toBeLessThan(1e-6 * (Math.hypot(...expected.flat()) || 1));
}

describe.each([
  ["fused where libtorch has it", false],
  ["list by list", true],
])("%s", (_, isHidden) => {
  test.each(Object.keys(cases))("%s takes PyTorch's steps under a changing rate", (name) => {
    fused.isHidden = isHidden;
    const { reference, step, values, end } = start(name);
    for (let number = 0; number < reference.after.length; number++) {
      step(number);
      expectNear(values(), reference.after[number]!);
    }
    end();
  });

  test("sgd without momentum is p - lr (g + wd p)", () => {
    fused.isHidden = isHidden;
    const plain = { ...cases.sgd!, options: { ...cases.sgd!.options, momentum: 0 } };
    const { reference, step, values, end } = start("sgd", plain);
    const { learningRate, weightDecay } = reference.options;
    const expected = reference.start.map((row, i) =>
      row.map((p, j) => p - learningRate * reference.factors[0]! * (reference.gradients[0]![i]![j]! + weightDecay * p)),
    );
    step(0);
    expectNear(values(), expected);
    end();
  });

  test.each(Object.keys(cases))("%s goes on from a saved state as if it had not stopped", (name) => {
    fused.isHidden = isHidden;
    const [whole, first, second] = [start(name), start(name), start(name)];
    for (let number = 0; number < 6; number++) whole.step(number);
    for (let number = 0; number < 3; number++) first.step(number);
    for (const [key, saved] of first.optimizer.state()) second.optimizer.state().get(key)!.copy_(saved);
    for (const [key, saved] of first.parameters) noGrad(() => second.parameters.get(key)!.copy_(saved));
    second.optimizer.counters.updates = first.optimizer.counters.updates;
    for (let number = 3; number < 6; number++) second.step(number);
    expect(second.values()).toEqual(whole.values());
    for (const run of [whole, first, second]) run.end();
  });
});

test("LARS takes the official code's steps", () => {
  const { tensors, metadata } = readSafetensors(new URL("lars.safetensors", reference).pathname);
  const number = (key: string) => Number(metadata[key]);
  scope(() => {
    const get = (name: string) => fromStored(tensors.get(name)!);
    const parameters = new Map(["weight", "bias", "zero"].map((name) => [name, get(`${name}_0`).requiresGrad_()]));
    const only = (isBias: boolean) =>
      new Map([...parameters].filter(([, { shape }]) => (shape.length === 1) === isBias));
    const weights = {
      name: "weights",
      parameters: only(false),
      learningRate: number("lr_weights"),
      weightDecay: number("weight_decay"),
      isAdapted: true,
    };
    const biases = { name: "biases", parameters: only(true), learningRate: number("lr_biases"), weightDecay: 0 };
    const optimizer = lars([weights, biases], { momentum: number("momentum"), eta: number("eta") });
    const steps = [...tensors.keys()].filter((name) => /^grad_weight_\d+$/.test(name)).length;
    expect(steps).toBeGreaterThan(2);
    for (let step = 0; step < steps; step++) {
      for (const [name, parameter] of parameters) parameter.setGrad(get(`grad_${name}_${step}`));
      optimizer.step(1);
      for (const [name, parameter] of parameters)
        if (tensors.has(`${name}_${step + 1}`))
          expectNear(
            [[...(parameter.data() as Float32Array)]],
            [[...(get(`${name}_${step + 1}`).data() as Float32Array)]],
          );
    }
    freeOptimizer(optimizer);
  });
});

test.each([
  ["shorter than SGD's step: eta ‖p‖ / ‖g‖ as the whole length", 0.5, 0.2],
  ["longer than SGD's step: SGD's step", 0.1, 0.1],
])("LARS with a clipped ratio, %s", (_, learningRate, factor) => {
  const weight = keep(tensor([3, 4], [1, 2]).requiresGrad_()); // norm 5; gradient of norm 0.5; eta ‖p‖ / ‖g‖ = 0.2
  const group = { name: "w", parameters: new Map([["w", weight]]), learningRate, weightDecay: 0, isAdapted: true };
  const optimizer = lars([group], { eta: 0.02, clipsRatio: true });
  scope(() => {
    weight.setGrad(tensor([0.3, 0.4], [1, 2]));
    optimizer.step(1);
    expectNear([[...weight.float32()]], [[3 - factor * 0.3, 4 - factor * 0.4]]);
  });
  freeOptimizer(optimizer);
  freeAll([weight]);
});

test("parameters without a gradient are left as they are, a constant rate ignores the factor", () => {
  const [moved, still] = [keep(tensor([1]).requiresGrad_()), keep(tensor([1]).requiresGrad_())];
  const parameters = new Map([
    ["moved", moved],
    ["still", still],
  ]);
  const optimizer = sgd([{ name: "all", parameters, learningRate: 1, weightDecay: 0.5, followsSchedule: false }]);
  scope(() => {
    moved.setGrad(tensor([0.25]));
    optimizer.step(0);
  });
  expect([moved.item(), still.item()]).toEqual([0.25, 1]);
  optimizer.clearGradients();
  expect(moved.grad).toBeUndefined();
  freeOptimizer(optimizer);
  freeAll([moved, still]);
});

test("a group without parameters and a parameter in two groups are refused", () => {
  const parameter = tensor([1]).requiresGrad_();
  const group = { name: "weights", parameters: new Map([["w", parameter]]), learningRate: 1, weightDecay: 0 };
  expect(() => sgd([{ ...group, parameters: new Map() }])).toThrow(/^optimizer: group weights has no parameters/);
  expect(() => adamw([group, { ...group, name: "other" }])).toThrow(/^optimizer: parameter w stands in two groups/);
  const twice = new Map([
    ["w", parameter],
    ["v", parameter],
  ]);
  expect(() => lars([{ ...group, parameters: twice }])).toThrow(/^optimizer: parameter v stands in two groups/);
  parameter.free();
});
