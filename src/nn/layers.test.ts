import { afterEach, expect, test } from "vitest";
import {
  liveTensors,
  manualSeed,
  noGrad,
  type RefusedPromise,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from "../torch/index.ts";
import { BatchNorm, Conv2d, Doubling2d, Linear, normalizedConvolution, projector } from "./layers.ts";
import { freeNetwork, loadState, type Module, namedParameters, setRequiresGrad, stateOf } from "./module.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

function withModule<M extends Module, T>(make: () => M, look: (module: M) => T, ...refused: RefusedPromise<T>): T {
  const module = scope<Module>(make) as M;
  try {
    return scope(() => look(module), ...refused);
  } finally {
    freeNetwork(module);
  }
}
const numbers = (value: Tensor) => Array.from(value.data(), Number);
function expectEach(found: Tensor, expected: readonly number[]): void {
  for (const [i, value] of numbers(found).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
}

test("batch norm in groups moves its running statistics once a step, by the mean over the groups", () => {
  withModule(
    () => new BatchNorm(1),
    (norm) => {
      norm.groups = 2;
      norm.forward(tensor([1, 3, 10, 20], [4, 1])); // means 2 and 15, unbiased variances 2 and 50
      expectEach(norm.running_mean, [0.1 * 8.5]);
      expectEach(norm.running_var, [0.9 + 0.1 * 26]);
      expect(norm.num_batches_tracked.item()).toBe(1);
    },
  );
});

test("batch norm normalises with the batch, keeps running statistics and uses them in evaluation", () => {
  withModule(
    () => new BatchNorm(3),
    (norm) => {
      manualSeed(5);
      const [count, features] = [7, 3];
      const running = { mean: [0, 0, 0], variance: [1, 1, 1] };
      for (let step = 0; step < 3; step++) {
        const input = randn([count, features]).mul(2).add(step);
        const rows = numbers(input);
        const output = numbers(norm.forward(input));
        for (let d = 0; d < features; d++) {
          const column = Array.from({ length: count }, (_, i) => rows[i * features + d]!);
          const mean = column.reduce((a, b) => a + b) / count;
          const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
          column.forEach((value, i) => {
            expect(output[i * features + d]).toBeCloseTo((value - mean) / Math.sqrt(variance + 1e-5), 5);
          });
          running.mean[d] = 0.9 * running.mean[d]! + 0.1 * mean;
          running.variance[d] = 0.9 * running.variance[d]! + (0.1 * variance * count) / (count - 1); // unbiased
        }
      }
      expectEach(norm.running_mean, running.mean);
      expectEach(norm.running_var, running.variance);
      expect(norm.num_batches_tracked.item()).toBe(3);
      const evaluated = numbers(norm.eval().forward(tensor([1, 2, 3], [1, 3])));
      evaluated.forEach((value, d) => {
        expect(value).toBeCloseTo((d + 1 - running.mean[d]!) / Math.sqrt(running.variance[d]! + 1e-5), 5);
      });
      expect(norm.num_batches_tracked.item()).toBe(3);
    },
  );
});

test("batch norm of maps takes its statistics over images and places", () => {
  withModule(
    () => new BatchNorm(2),
    (norm) => {
      const maps = randn([3, 2, 4, 5]);
      const flat = maps.permute(0, 2, 3, 1).reshape(60, 2);
      const [asMaps, asRows] = [norm.forward(maps).permute(0, 2, 3, 1).reshape(60, 2), norm.forward(flat)];
      expect(asMaps.sub(asRows).abs().amax().item()).toBeLessThan(1e-5);
    },
  );
});

test("a linear layer starts uniform within 1 over the root of its inputs", () => {
  manualSeed(6);
  withModule(
    () => new Linear(400, 300),
    ({ weight, bias }) => {
      const bound = 1 / Math.sqrt(400);
      for (const [values, error] of [
        [weight, 0.01],
        [bias!, 0.2],
      ] as const) {
        expect(values.abs().amax().item()).toBeLessThanOrEqual(bound);
        expect(Math.abs(values.std().item() / (bound / Math.sqrt(3)) - 1)).toBeLessThan(error); // std of uniform ±b: b/√3
      }
    },
  );
});

test("the paper's projector has three linear layers without bias and two norms", () => {
  withModule(
    () => projector(16, [8, 8, 4]),
    (head) => {
      const shapes = Array.from(namedParameters(head), ([name, { shape }]) => `${name} ${shape.join("x")}`);
      expect(shapes).toEqual([
        "0.weight 8x16",
        "1.weight 8",
        "1.bias 8",
        "3.weight 8x8",
        "4.weight 8",
        "4.bias 8",
        "6.weight 4x8",
      ]);
      expect(head.forward(randn([5, 16])).shape).toEqual([5, 4]);
    },
  );
});

test("weights are loaded by name and shape, and what does not fit is named", () => {
  withModule(
    () => projector(4, [3, 2]),
    (head) => {
      const values = new Map(Array.from(stateOf(head), ([name, value]) => [name, noGrad(() => value.zerosLike())]));
      loadState(head, values);
      expect(numbers(stateOf(head).get("0.weight")!).every((value) => value === 0)).toBe(true);
      values.delete("0.weight");
      values.set("1.bias", randn([5]));
      values.set("extra", randn([1]));
      const load = () => loadState(head, values);
      expect(load).toThrow(
        /0\.weight is missing; 1\.bias is \[5\], the network has \[3\]; extra is not in the network/,
      );
      expect(load).toThrow(/^load weights: /);
    },
  );
});

test("gradients can be switched off for a whole network", () => {
  withModule(
    () => projector(4, [3, 2]),
    (head) => {
      setRequiresGrad(head, false);
      expect(head.forward(randn([5, 4])).requiresGrad).toBe(false);
      setRequiresGrad(head, true);
      expect(head.forward(randn([5, 4])).requiresGrad).toBe(true);
    },
  );
});

test("a doubling layer is the transpose of a convolution of stride 2: each place gives four, weighted by its channels", () => {
  withModule(
    () => new Doubling2d(2, 1),
    (layer) => {
      const x = tensor([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2]); // [1, 2, 2, 2]
      noGrad(() => {
        layer.weight.copy_(tensor([1, 10, 100, 1000, 0.1, 0.2, 0.3, 0.4], [2, 1, 2, 2]));
        layer.bias.fill_(0.5);
      });
      const y = numbers(noGrad(() => layer.forward(x))); // [1, 1, 4, 4]
      const expected = (row: number, column: number) => {
        const [place, part] = [2 * (row >> 1) + (column >> 1), 2 * (row % 2) + (column % 2)];
        return (place + 1) * 10 ** part + (place + 5) * 0.1 * (part + 1) + 0.5;
      };
      for (const [i, value] of y.entries()) expect(value).toBeCloseTo(expected(i >> 2, i % 4), 3);
    },
  );
});

test("a convolution's bias starts at zero and is added", () => {
  withModule(
    () => new Conv2d(1, 2, 1, { bias: true, std: 0.01 }),
    (layer) => {
      expect(numbers(layer.bias!)).toEqual([0, 0]);
      noGrad(() => layer.bias!.copy_(tensor([1, 2])));
      expect(numbers(noGrad(() => layer.forward(zeros([1, 1, 1, 1]))))).toEqual([1, 2]);
    },
  );
});

test("a convolution and its batch norm are one where nothing learns, and two where something does", () => {
  withModule(
    () => new Conv2d(3, 4, 3, { stride: 2, padding: 1 }),
    (convolution) =>
      withModule(
        () => new BatchNorm(4),
        (norm) => {
          noGrad(() => {
            for (const part of [norm.weight!, norm.bias!, norm.running_mean]) part.normal_();
            norm.running_var.uniform_({ from: 0.1, to: 3 });
          });
          const input = randn([2, 3, 6, 5]);
          norm.eval();
          const apart = noGrad(() => norm.forward(convolution.forward(input)));
          const together = noGrad(() => normalizedConvolution(convolution, norm, input));
          expect(numbers(together)).not.toEqual(numbers(apart)); // rounded otherwise: it is another computation
          expectEach(together, numbers(apart));
          expect(numbers(normalizedConvolution(convolution, norm, input))).toEqual(numbers(apart)); // recorded
          norm.train();
          const trained = noGrad(() => normalizedConvolution(convolution, norm, input));
          expect(norm.num_batches_tracked.item()).toBe(1);
          expectEach(trained.mean({ dim: [0, 2, 3] }), numbers(norm.bias!));
        },
      ),
  );
});
