import { afterAll, expect, test } from "vitest";
import { liveTensors, scope } from "../torch/index.ts";
import { fromStored, readSafetensors } from "../weights/formats/safetensors.ts";
import { authorsBaseRate, warmupCosine, warmupSteps } from "./schedules.ts";

afterAll(() => expect(liveTensors().live).toBe(0));

test("the warm-up and cosine are those of the official code", () => {
  const { tensors, metadata } = readSafetensors(
    new URL("../../test/reference/barlow_lr.safetensors", import.meta.url).pathname,
  );
  const number = (key: string) => Number(metadata[key]);
  const totalSteps = number("epochs") * number("steps_per_epoch");
  const warmup = number("warmup_epochs") * number("steps_per_epoch");
  const expected = scope(() => fromStored(tensors.get("lr_weights")!).data() as Float64Array);
  expect(expected.length).toBeGreaterThan(warmup);
  const peak = (number("lr_weights") * number("batch_size")) / 256;
  expected.forEach((rate, step) => {
    expect(peak * warmupCosine(step, { totalSteps, warmupSteps: warmup })).toBeCloseTo(rate, 10);
  });
});

test("a schedule without warm-up starts at 1 and ends at its floor", () => {
  expect(warmupCosine(0, { totalSteps: 10, warmupSteps: 0 })).toBe(1);
  expect(warmupCosine(10, { totalSteps: 10, warmupSteps: 0, floor: 0.25 })).toBeCloseTo(0.25, 12);
  expect(warmupCosine(5, { totalSteps: 10, warmupSteps: 0, floor: 0 })).toBeCloseTo(0.5, 12);
  expect(warmupCosine(3, { totalSteps: 3, warmupSteps: 3 })).toBe(1);
});

test("the authors' base rates hold at their batch sizes, and between and beyond them", () => {
  expect([128, 256, 512, 1024, 2048, 4096].map(authorsBaseRate)).toEqual([0.7, 0.4, 0.3, 0.25, 0.2, 0.2]);
  expect(authorsBaseRate(32)).toBe(0.7);
  expect(authorsBaseRate(8192)).toBe(0.2);
  expect(authorsBaseRate(Math.sqrt(256 * 512))).toBeCloseTo(0.35, 12);
});

test("the rate in steps: detectron2's linear warm-up, then a tenth at each drop", () => {
  const voc = { drops: [18_000, 22_000], warmupSteps: 1000, warmupFactor: 0.333 };
  const factors = [0, 500, 999, 1000, 17_999, 18_000, 22_000].map((step) => warmupSteps(step, voc));
  const expected = [0.333, 0.6665, 0.999333, 1, 1, 0.1, 0.01];
  for (const [i, factor] of factors.entries()) expect(factor).toBeCloseTo(expected[i]!, 10);
  expect(warmupSteps(0, { drops: [], warmupSteps: 0, warmupFactor: 0.5 })).toBe(1);
});
