import { afterEach, expect, test, vi } from "vitest";
import { addon } from "../torch/addon.ts";
import { gradients, liveTensors, ones, randn, scope, type Tensor, zeros } from "../torch/index.ts";
import { type NormParts, oneByOne, sideBySide } from "./grouped-batch-norm.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

const sizes = [3, 3, 3, 3];
const partsOf = (isAffine: boolean): NormParts => ({
  weight: isAffine ? randn([5]).requiresGrad_() : null,
  bias: isAffine ? randn([5]).requiresGrad_() : null,
  mean: zeros([5]),
  variance: ones([5]),
});

test.each([
  [[12, 5], "contiguous_format", true],
  [[12, 5, 4, 3], "contiguous_format", true],
  [[12, 5, 4, 3], "channels_last", true],
  [[12, 5, 4, 3], "channels_last", false],
] as const)("groups of %j, %s, affine %s, are the same side by side as one by one", (shape, format, isAffine) => {
  scope(() => {
    const input = randn([...shape])
      .contiguous(format)
      .requiresGrad_();
    const [parts, weights] = [partsOf(isAffine), randn([...shape])];
    const resultsOf = (normalize: typeof oneByOne): Tensor[] => {
      const running = { mean: parts.mean.clone(), variance: parts.variance.clone() };
      const output = normalize(input, { ...parts, ...running }, sizes);
      const learned = [input, parts.weight, parts.bias].filter((tensor) => tensor !== null);
      return [output, running.mean, running.variance, ...(gradients([output.mul(weights).sum()], learned) as Tensor[])];
    };
    const expected = resultsOf(oneByOne);
    const found = resultsOf(sideBySide);
    expect(found).toHaveLength(isAffine ? 6 : 4);
    for (const [i, tensor] of found.entries()) {
      expect(tensor.shape).toEqual(expected[i]!.shape);
      expect(tensor.sub(expected[i]!).norm().item() / expected[i]!.norm().item()).toBeLessThan(1e-6);
    }
  });
});

test("side by side takes as many calls for many groups as for few", () => {
  const callsFor = (groups: number) =>
    scope(() => {
      const [input, parts] = [randn([2 * groups, 5]), partsOf(true)];
      const call = vi.spyOn(addon(), "call");
      sideBySide(input, parts, Array<number>(groups).fill(2));
      const { length } = call.mock.calls;
      call.mockRestore();
      return length;
    });
  expect(callsFor(16)).toBe(callsFor(2));
});
