import { afterEach, describe, expect, test } from "vitest";
import { imageArray } from "../../data/index.ts";
import { supervisedViews } from "../../methods/index.ts";
import { freeNetwork, type Linear, namedParameters } from "../../nn/index.ts";
import { keyedStream } from "../../random.ts";
import { liveTensors } from "../../torch/index.ts";
import { epochBatches } from "./epoch-batches.ts";
import { linearHead } from "./head.ts";
import { epochFactor } from "./recipe.ts";
import { answersOf, testClassifier } from "./test-classifier.ts";
import { trainClassifier } from "./train-classifier.ts";

afterEach(() => expect(liveTensors().live).toBe(0));

/** Noise in three brightnesses, a class each; the last batch of eight would be of one picture. */
function pictures(length = 33) {
  const next = keyedStream(5);
  const labels = Int32Array.from({ length }, (_, i) => i % 3);
  const pixels = Uint8Array.from(
    { length: length * 3 * 64 },
    (_, i) => 80 * labels[Math.floor(i / 192)]! + 60 * next(),
  );
  const classes = ["dark", "grey", "light"];
  return { ...imageArray({ name: "noise", pixels, channels: 3, height: 8, width: 8, labels, classes }), labels };
}

test.each([
  [
    "steps",
    { kind: "steps", factor: 0.2, at: [12 / 20, 16 / 20] },
    20,
    [
      [0, 1],
      [11, 1],
      [12, 0.2],
      [15, 0.2],
      [16, 0.04],
      [19, 0.04],
    ],
  ],
  [
    "steps of thirds",
    { kind: "steps", factor: 0.1, at: [1 / 3, 2 / 3] },
    84,
    [
      [27, 1],
      [28, 0.1],
      [55, 0.1],
      [56, 0.01],
    ],
  ],
  [
    "steps of thirds",
    { kind: "steps", factor: 0.1, at: [1 / 3, 2 / 3] },
    14,
    [
      [4, 1],
      [5, 0.1],
      [9, 0.1],
      [10, 0.01],
    ],
  ],
  [
    "cosine",
    { kind: "cosine" },
    100,
    [
      [0, 1],
      [50, 0.5],
      [75, (1 + Math.cos(0.75 * Math.PI)) / 2],
    ],
  ],
] as const)("rates fall by %s", (_, schedule, epochs, expected) => {
  for (const [epoch, factor] of expected) expect(epochFactor(schedule, epoch, epochs)).toBeCloseTo(factor, 12);
});

describe("an epoch's batches", () => {
  const read = async (epoch: number, seed = 0) => {
    const places: number[][] = [];
    const reading = { batchSize: 8, seed, epoch, decodeSize: 8, badFiles: new Set([4]) };
    for await (const batch of epochBatches(pictures(), reading)) {
      expect(batch.epoch).toBe(epoch);
      expect(Array.from(batch.labels!)).toEqual(Array.from(batch.indices, (place) => place % 3));
      places.push([...batch.indices]);
    }
    return places;
  };

  test("hold every good picture once, the last one as small as it comes", async () => {
    const found = await read(0);
    expect(found.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 33 }, (_, i) => i).filter((i) => i !== 4));
    expect(found.map(({ length }) => length)).toEqual([8, 8, 8, 8]);
  });

  test("come in an order that follows from seed and epoch", async () => {
    expect(await read(1)).toEqual(await read(1));
    expect(await read(1)).not.toEqual(await read(0));
    expect(await read(0, 1)).not.toEqual(await read(0));
  });

  test("are never of one picture", async () => {
    const sizes: number[] = [];
    const reading = { batchSize: 8, seed: 0, epoch: 0, decodeSize: 8, badFiles: new Set<number>() };
    for await (const { indices } of epochBatches(pictures(), reading)) sizes.push(indices.length);
    expect(sizes).toEqual([8, 8, 8, 8]);
  });
});

test("a head begins with weights N(0, 0.01) of its seed and biases 0", () => {
  const made = (seed: number) => linearHead({ features: 512, classes: 40, seed, device: "cpu" }) as Linear;
  const [one, same, other] = [made(0), made(0), made(1)];
  const weights = one.weight.float32();
  const square = weights.reduce((sum, value) => sum + value ** 2, 0) / weights.length;
  expect(Math.abs(Math.sqrt(square) - 0.01)).toBeLessThan(3e-4);
  expect(one.bias!.float32().every((value) => value === 0)).toBe(true);
  expect(same.weight.float32()).toEqual(weights);
  expect(other.weight.float32()).not.toEqual(weights);
  for (const head of [one, same, other]) freeNetwork(head);
});

describe("a classifier of pixels", () => {
  const [view] = supervisedViews({ size: 8 });
  async function learned({ epochs = 12, seed = 0, rate = 0.05 } = {}) {
    const head = linearHead({ features: 192, classes: 3, seed, device: "cpu" });
    const data = pictures();
    const logits = (images: Parameters<typeof head.forward>[0]) => head.forward(images.flatten(1));
    const training = trainClassifier({
      train: data,
      recipe: { epochs, batchSize: 8, momentum: 0.9, nesterov: false, schedule: { kind: "cosine" } },
      view: view!,
      decodeSize: 8,
      device: "cpu",
      seed,
      logits,
      groups: [{ name: "head", parameters: namedParameters(head), learningRate: rate, weightDecay: 0 }],
    });
    const { steps } = await training.catch((error) => {
      freeNetwork(head);
      throw error;
    });
    const { normalize } = view!;
    const asked = { size: 8, normalize, decodeSize: 8, device: "cpu" };
    const score = await testClassifier({
      test: data,
      labels: data.labels,
      classes: data.classes!,
      view: asked,
      logits,
    });
    const weights = [...namedParameters(head).values()].map((own) => [...own.float32()].join()).join();
    freeNetwork(head);
    return { steps, score, weights };
  }

  test("learns, and a repeat with the same seed ends with the same bits", async () => {
    const [one, again, other] = [await learned(), await learned(), await learned({ seed: 1 })];
    expect(one.steps).toBe(48);
    expect(one.score.top1).toBeGreaterThan(0.9);
    expect(one.score.top5).toBeNull();
    expect(again.weights).toBe(one.weights);
    expect(other.weights).not.toBe(one.weights);
  });

  test("that diverges is said, with its epoch", async () => {
    await expect(learned({ rate: 1e38 })).rejects.toMatchObject({
      kind: "numerics",
      message: /a loss of epoch [12] was not finite/,
    });
  });
});

test("top-5 counts the class among the five greatest, top-1 the greatest alone", () => {
  const classes = ["a", "b", "c", "d", "e", "f"];
  const answers = Int32Array.from([0, 1, 2, 3, 4, 1, 0, 2, 3, 4, 1, 2, 3, 4, 5]); // three pictures
  const found = answersOf(answers, { labels: Int32Array.of(0, 0, 0), classes });
  expect([found.top1, found.top5]).toEqual([1 / 3, 2 / 3]);
});
