import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { SelfsightError } from "../errors.ts";
import { liveTensors, manualSeed, type RefusedPromise, randn, scope, type Tensor } from "../torch/index.ts";
import { freeNetwork, namedParameters, stateOf } from "./module.ts";
import { type ResNetName, type ResNetOptions, resnet, resnetNames } from "./resnet.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

/** Builds a network, looks at it, frees it. */
function withNetwork<T>(
  name: ResNetName,
  options: ResNetOptions,
  look: (network: ReturnType<typeof resnet>) => T,
  ...refused: RefusedPromise<T>
): T {
  const network = scope(() => resnet(name, options));
  try {
    return scope(() => look(network), ...refused);
  } finally {
    freeNetwork(network);
  }
}

const { networks } = JSON.parse(
  readFileSync(new URL("../../test/reference/resnet-names.json", import.meta.url), "utf8"),
) as {
  networks: Record<ResNetName, { state: Record<string, number[]>; parameters: string[] }>;
};

test.each(resnetNames)("%s has torchvision's names and shapes, in its order", (name) => {
  withNetwork(name, { stem: "imagenet" }, (network) => {
    const state = Array.from(stateOf(network), ([key, { shape }]) => [key, shape]);
    expect(state).toEqual(Object.entries(networks[name].state));
    expect([...namedParameters(network).keys()]).toEqual(networks[name].parameters);
  });
});

const countOf = (network: ReturnType<typeof resnet>) =>
  [...namedParameters(network).values()].reduce((sum, { numel }) => sum + numel, 0);

test.each([
  ["resnet18", "imagenet", 11_176_512, 512],
  ["resnet18", "small", 11_168_832, 512],
  ["resnet50", "imagenet", 23_508_032, 2048],
] as const)("%s with the %s stem has %i parameters and %i features", (name, stem, parameters, features) => {
  withNetwork(name, { stem }, (network) => {
    expect(countOf(network)).toBe(parameters);
    expect(network.outputSize).toBe(features);
  });
});

test.each([
  ["imagenet", 64, 2],
  ["small", 32, 4],
  ["small-stride-2", 32, 2],
] as const)("the %s stem brings %i pixels to %i before the mean", (stem, size, last) => {
  withNetwork("resnet18", { stem, width: 8 }, (network) => {
    const images = randn([2, 3, size, size]);
    expect(network.forward(images).shape).toEqual([2, 64]);
    const stride = stem === "small" ? 1 : stem === "imagenet" ? 4 : 2;
    expect(size / stride / 8).toBe(last);
  });
});

test("weights start normal with the std of He's fan-out rule, norms at one and zero", () => {
  manualSeed(3);
  withNetwork("resnet18", { stem: "imagenet", zeroInitResidual: false }, (network) => {
    for (const [name, parameter] of namedParameters(network)) {
      const mean = parameter.mean().item();
      if (parameter.shape.length === 4) expectNormal(name, parameter, mean);
      else
        expect({ name, mean, spread: spreadOf(parameter) }).toEqual({
          name,
          mean: name.endsWith("weight") ? 1 : 0,
          spread: 0,
        });
    }
  });
});

const spreadOf = (parameter: Tensor) => parameter.amax().item() - parameter.amin().item();

/** Mean and std within five standard errors. */
function expectNormal(name: string, parameter: Tensor, mean: number): void {
  const [out, , kernel] = parameter.shape as [number, number, number, number];
  const expected = Math.sqrt(2 / (out * kernel * kernel));
  const error = 5 / Math.sqrt(parameter.numel);
  expect(Math.abs(mean), name).toBeLessThan(expected * error);
  expect(Math.abs(parameter.std().item() / expected - 1), name).toBeLessThan(error);
  expect(parameter.abs().amax().item() / expected, name).toBeGreaterThan(3); // not uniform
}

test("residual branches start at zero unless told otherwise", () => {
  const last = { resnet18: "layer1.0.bn2.weight", resnet50: "layer1.0.bn3.weight" } as const;
  for (const name of ["resnet18", "resnet50"] as const)
    for (const zeroInitResidual of [true, false])
      withNetwork(name, { stem: "small", width: 4, zeroInitResidual }, (network) => {
        const weight = stateOf(network).get(last[name])!;
        expect([spreadOf(weight), weight.mean().item()]).toEqual([0, zeroInitResidual ? 0 : 1]);
      });
});

test("a width that is no number of channels is refused", () => {
  for (const width of [0, -1, 1.5, 2000, Number.NaN])
    expect(() => resnet("resnet18", { stem: "small", width })).toThrow(SelfsightError);
});
