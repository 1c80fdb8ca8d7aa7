import { expect, it } from "vitest";
import { barlowTwinsViews } from "../augment/index.ts";
import { peakRates, resolveSettings } from "../train/index.ts";
import { recipes } from "./index.ts";

const names = Object.keys(recipes) as (keyof typeof recipes)[];

it.each(names)("%s is a whole and valid run of its method", (name) => {
  const settings = resolveSettings(recipes[name]);
  const method = name.split("/")[1] ?? "barlow-twins";
  expect(settings.method).toBe(method);
  expect(settings).toMatchObject(recipes[name]);
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
  cifar10: [128, 0.06, 200],
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
