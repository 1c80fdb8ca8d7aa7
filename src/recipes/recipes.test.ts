import { expect, it } from "vitest";
import { barlowTwinsViews } from "../augment/index.ts";
import { peakRates, resolveSettings } from "../train/index.ts";
import { warmupOf } from "../train/state.ts";
import { recipes } from "./index.ts";

const names = Object.keys(recipes) as (keyof typeof recipes)[];

it.each(names)("%s is a whole and valid run of its method", (name) => {
  const settings = resolveSettings(recipes[name]);
  const method = name.split("/")[1] ?? "barlow-twins";
  expect(settings.method).toBe(method);
  expect(settings).toMatchObject(recipes[name]);
});

it.each(names)("%s: a shortened run warms up in proportion", (name) => {
  const at = (epochs: number) => {
    const [stepsPerEpoch, settings] = [200, resolveSettings(recipes[name], { epochs })];
    return warmupOf({ settings, stepsPerEpoch, totalSteps: epochs * stepsPerEpoch }).steps / stepsPerEpoch;
  };
  const { warmupEpochs, epochs } = resolveSettings(recipes[name]);
  expect(at(epochs!)).toBeLessThanOrEqual(warmupEpochs);
  for (const short of [5, 12]) expect(at(short)).toBeCloseTo(Math.min(warmupEpochs, short / 10), 6);
  expect(at(1000)).toBe(warmupEpochs);
});

it("on CIFAR-10 only a recipe with the paper's own start has zero-initialised residuals", () => {
  for (const name of names.filter((each) => each.startsWith("cifar10")))
    expect(resolveSettings(recipes[name]).zeroInitResidual, name).toBe(false);
});

it("those that say LightlySSL's settings have its views, at the time of its table", () => {
  const own = ["cifar10/byol", "cifar10/moco-v2", "cifar10/simclr"] as const;
  for (const name of own) {
    const { views } = resolveSettings(recipes[name]);
    expect(views).toEqual([views[0], views[0]]);
    expect(views[0]).toMatchObject({
      crop: { scale: [0.08, 1], interpolation: "bilinear" },
      jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
      solarize: { probability: 0 },
      normalize: { mean: [0.485, 0.456, 0.406] },
    });
  }
});

it("cifar10 and cifar10/vicreg are solo-learn's rows, cifar10 with a LARS for runs of any length", () => {
  const lars = { name: "lars", biasLearningRate: null, weightDecay: 1e-4, eta: 0.02, clipsRatio: true };
  const own = { projector: "2048-2048-2048", floor: 0, warmupEpochs: 10, optimizer: { ...lars, decaysBiases: false } };
  const short = { name: "lars", biasLearningRate: 0.1, weightDecay: 1e-4, eta: 0.001, clipsRatio: false };
  expect(resolveSettings(recipes.cifar10)).toMatchObject({ ...own, lambda: 0.0051, lossScale: 1, optimizer: short });
  const { views, ...settings } = resolveSettings(recipes["cifar10/vicreg"]);
  expect(settings).toMatchObject({ ...own, invariance: 25, variance: 50, covariance: 1 });
  for (const view of views)
    expect(view).toMatchObject({
      crop: { scale: [0.2, 1] },
      solarize: { probability: 0.1 },
      jitter: { saturation: 0.2 },
    });
});

/** Effective peak rates as the papers state them, at the papers' batch. */
const published: Partial<Record<keyof typeof recipes, [batch: number, rate: number, epochs: number]>> = {
  imagenet: [2048, 1.6, 1000],
  "imagenet/simclr": [4096, 4.8, 1000],
  "imagenet/moco-v2": [256, 0.03, 800],
  "imagenet/byol": [4096, 3.2, 1000],
  "imagenet/swav": [4096, 4.8, 800],
  "imagenet/simsiam": [256, 0.05, 800],
  "imagenet/supervised": [256, 0.1, 90],
  "imagenet/vicreg": [2048, 1.6, 1000],
  cifar10: [256, 4, 1000],
  "cifar10/vicreg": [256, 0.3, 1000],
  "cifar10/simclr": [128, 0.06, 200],
  "cifar10/moco-v2": [128, 0.06, 200],
  "cifar10/byol": [128, 0.06 / 4, 200],
  "cifar10/swav": [128, 0.001, 200],
  "cifar10/simsiam": [128, 0.06, 200],
  "cifar10/supervised": [128, 0.1, 200],
};

it.each(Object.entries(published))(
  "%s: batch, peak rate and epochs are the source's",
  (name, [batch, rate, epochs]) => {
    const settings = resolveSettings(recipes[name as keyof typeof recipes]);
    expect(settings.batchSize).toBe(batch);
    expect(peakRates(settings).weights).toBeCloseTo(rate, 9);
    expect(settings.epochs).toBe(epochs);
  },
);

it("views: multi-crop for SwAV on ImageNet, no blur on small pictures", () => {
  expect(resolveSettings(recipes["imagenet/swav"]).views.map(({ size }) => size)).toEqual([
    224, 224, 96, 96, 96, 96, 96, 96,
  ]);
  for (const name of names.filter((each) => each.startsWith("cifar10")))
    for (const { blur } of resolveSettings(recipes[name]).views) expect(blur.probability, name).toBe(0);
});

it("fashion-mnist crops from 0.3 of the area in both views, and differs from Barlow Twins' views in nothing else", () => {
  const paper = barlowTwinsViews({ size: 28, normalize: "fashion-mnist" });
  const { views } = resolveSettings(recipes["fashion-mnist"]);
  expect(views).toEqual(paper.map((view) => ({ ...view, crop: { ...view.crop, scale: [0.3, 1] } })));
});
