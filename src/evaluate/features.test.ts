import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDataset } from "../data/index.ts";
import { freeNetwork, type ResNet, stateOf } from "../nn/index.ts";
import { liveTensors, noGrad, randomState } from "../torch/index.ts";
import { extractFeatures, featuresAt } from "./features.ts";
import {
  type BackboneFacts,
  backboneRepresentation,
  pixelRepresentation,
  untrainedBackbone,
} from "./representation.ts";

const shapes = await openDataset("shapes", { split: "test", limit: 50 });
const facts: BackboneFacts = { name: "small", size: 32, normalize: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } };
const shape = { backbone: "resnet18", stem: "small", size: 32, width: 4, zeroInitResidual: true, seed: 3 } as const;

let folder: string;
let backbone: ResNet;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "features-"));
  backbone = untrainedBackbone(shape) as ResNet;
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  freeNetwork(backbone);
});

test("pixels: the values of the pictures, between 0 and 1, with their labels", async () => {
  const features = await extractFeatures(pixelRepresentation({ size: 32 }), shapes, { batchSize: 16 });
  const pixels = shapes.kind === "array" ? shapes.pixels : new Uint8Array();
  expect([features.length, features.dimensions]).toEqual([50, 3 * 32 * 32]);
  expect(features.labels).toEqual(shapes.labels);
  expect(features.values.length).toBe(pixels.length);
  const largest = features.values.reduce((most, value, i) => Math.max(most, Math.abs(value - pixels[i]! / 255)), 0);
  expect(largest).toBeLessThan(1e-6);
});

test("pixels of grey pictures are counted once", async () => {
  const grey = { kind: "array", name: "grey", length: 2, channels: 1, height: 8, width: 8, fingerprint: "" } as const;
  const dataset = { ...grey, pixels: Uint8Array.from({ length: 128 }, (_, i) => i) };
  const features = await extractFeatures(pixelRepresentation({ size: 8, isGrey: true }), dataset);
  expect([features.dimensions, features.labels]).toEqual([64, undefined]);
  expect(features.values[100]).toBeCloseTo(100 / 255, 6);
});

test("features do not depend on the batch, in float32; bfloat16 comes near", async () => {
  const representation = backboneRepresentation(backbone, facts);
  const whole = await extractFeatures(representation, shapes);
  const parts = await extractFeatures(representation, shapes, { batchSize: 7 });
  const short = await extractFeatures(backboneRepresentation(backbone, { ...facts, precision: "bf16" }), shapes);
  expect([whole.length, whole.dimensions]).toEqual([50, 32]);
  expect(distance(parts.values, whole.values)).toBeLessThan(1e-5);
  expect(distance(short.values, whole.values)).toBeGreaterThan(0);
  expect(distance(short.values, whole.values)).toBeLessThan(0.05);
});

/** ‖a − b‖ / ‖b‖ */
const distance = (a: Float32Array, b: Float32Array): number =>
  Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);

test("the backbone runs in evaluation mode and is left in the mode that it had, its statistics untouched", async () => {
  const before = stateOf(backbone).get("bn1.running_mean")!.float32();
  backbone.train();
  await extractFeatures(backboneRepresentation(backbone, facts), shapes);
  expect(backbone.layer4.training).toBe(true);
  expect(stateOf(backbone).get("bn1.running_mean")!.float32()).toEqual(before);
  backbone.eval();
  await extractFeatures(backboneRepresentation(backbone, facts), shapes);
  expect(backbone.layer4.training).toBe(false);
});

test("untrained weights follow from the seed, and libtorch's generator is left alone", () => {
  const before = randomState();
  const networks = [untrainedBackbone(shape), untrainedBackbone(shape), untrainedBackbone({ ...shape, seed: 4 })];
  expect(randomState()).toEqual(before);
  const [a, b, c] = networks.map((network) => stateOf(network).get("layer3.0.conv1.weight")!.float32());
  expect(a).toEqual(b);
  expect(a).not.toEqual(c);
  networks.forEach(freeNetwork);
});

test("a bad file is left out, named and counted; the rows say which pictures they are", async () => {
  const picture = sharp({ create: { width: 20, height: 10, channels: 3, background: { r: 200, g: 100, b: 0 } } });
  const bytes = await picture.png().toBuffer();
  for (const name of ["a.png", "c.png"]) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, "b.png"), bytes.subarray(0, bytes.length - 40));
  const met: number[] = [];
  const features = await extractFeatures(pixelRepresentation({ size: 8 }), await openDataset(folder), {
    onBadFile: ({ index }) => met.push(index),
  });
  expect(Array.from(features.indices)).toEqual([0, 2]);
  expect(features.badFiles).toEqual([{ index: 1, name: "b.png", reason: expect.stringContaining("b.png") }]);
  expect(met).toEqual([1]);
  expect(features.values[0]).toBeCloseTo(200 / 255, 2);
  expect(features.values.length).toBe(2 * 3 * 64);
});

test("weights that give no finite numbers are refused", async () => {
  const broken = untrainedBackbone(shape) as ResNet;
  noGrad(() => broken.bn1.weight!.fill_(Number.NaN));
  const extraction = extractFeatures(backboneRepresentation(broken, facts), shapes);
  await expect(extraction).rejects.toMatchObject({
    kind: "numerics",
    message: /small gives values that are not finite/,
  });
  freeNetwork(broken);
});

test("rows at places", async () => {
  const features = await extractFeatures(pixelRepresentation({ size: 32 }), shapes);
  const chosen = featuresAt(features, Uint32Array.of(7, 3));
  expect([chosen.length, Array.from(chosen.indices), Array.from(chosen.labels!)]).toEqual([
    2,
    [7, 3],
    [shapes.labels![7], shapes.labels![3]],
  ]);
  expect(chosen.values.subarray(3072)).toEqual(features.values.subarray(3 * 3072, 4 * 3072));
});

test("no tensor is left behind", async () => {
  const representation = backboneRepresentation(backbone, facts);
  await extractFeatures(representation, shapes);
  const before = liveTensors().live;
  await extractFeatures(representation, shapes, { batchSize: 8 });
  expect(liveTensors().live).toBe(before);
});
