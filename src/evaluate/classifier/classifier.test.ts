import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { jpegOf, put } from "../../../test/drawn-pictures.ts";
import { type Dataset, imageArray, openDataset, sampleName } from "../../data/index.ts";
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

describe("batches of epochs", () => {
  const read = async (data: Dataset, seed = 0, epochs = 2) => {
    const found: { epoch: number; places: number[] }[] = [];
    for await (const batch of epochBatches(data, { epochs, batchSize: 8, seed, decodeSize: 8 })) {
      expect(Array.from(batch.labels!)).toEqual(Array.from(batch.indices, (place) => data.labels![place]));
      found.push({ epoch: batch.epoch, places: [...batch.indices] });
    }
    return found;
  };

  test("hold every picture once an epoch, the last batch as small as it comes but never of one", async () => {
    const found = await read(pictures(37));
    expect(found.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(found.map(({ places }) => places.length)).toEqual([8, 8, 8, 8, 5, 8, 8, 8, 8, 5]);
    const first = found.slice(0, 5).flatMap(({ places }) => places);
    expect(first.sort((a, b) => a - b)).toEqual(Array.from({ length: 37 }, (_, i) => i));
    expect((await read(pictures(33))).map(({ places }) => places.length)).toEqual([8, 8, 8, 8, 8, 8, 8, 8]);
  });

  test("come in an order that follows from seed and epoch", async () => {
    const [one, again, other] = [await read(pictures()), await read(pictures()), await read(pictures(), 1)];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
    expect(one[4]!.places).not.toEqual(one[0]!.places);
  });

  test("are the same of files as of an array; a file that cannot be read is left out of every epoch and told once", async () => {
    const root = mkdtempSync(join(tmpdir(), "epochs-"));
    for (let i = 0; i < 13; i++) put(root, `${i % 3}/${String(i).padStart(2, "0")}.jpg`, await jpegOf(i));
    const whole = await openDataset(root);
    const plan = await read({ ...pictures(13), labels: whole.labels! }, 0, 3);
    expect(await read(whole, 0, 3)).toEqual(plan);
    const bad = plan[0]!.places[3]!;
    put(root, sampleName(whole, bad), Buffer.from("\xff\xd8\xff no picture"));
    const told: number[] = [];
    const left: number[] = [];
    const reading = { epochs: 3, batchSize: 8, seed: 0, decodeSize: 8, onBadFile: (index: number) => told.push(index) };
    for await (const { indices } of epochBatches(whole, reading)) left.push(...indices);
    rmSync(root, { recursive: true });
    expect([told, left.length, left.includes(bad)]).toEqual([[bad], 36, false]);
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
