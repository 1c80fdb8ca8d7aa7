import { expect, it } from "vitest";
import { freeState, lossOf, runMethodSuite, tinyBatch, tinyState, vectors } from "../../test/method-suite.ts";
import { makeViews } from "../augment/index.ts";
import { freeNetwork, namedParameters, normalizeInGroups, resnet } from "../nn/index.ts";
import { cat, full, manualSeed, noGrad, randn, scope, type Tensor, tensor } from "../torch/index.ts";
import { trainStep } from "../train/index.ts";
import { mocoLoss } from "./moco-v2.ts";
import { EmbeddingQueue, momentumAt } from "./parts.ts";

const options = { projector: "16-8", queueLength: 24, batchNormGroups: 1 };

runMethodSuite("moco-v2", { options, isSymmetric: false, cases: "moco" });

it("has the value of the formula, in double precision by hand", () => {
  const loss = scope(() => mocoLoss(vectors.za(), vectors.zb(), vectors.queue(), { temperature: 0.2 }).loss.item());
  expect(loss).toBeCloseTo(3.3972105596, 5);
});

it("gives the keys no gradient", () =>
  scope(() => {
    const [q, k] = [randn([4, 8]).requiresGrad_(), randn([4, 8]).requiresGrad_()];
    mocoLoss(q, k, randn([5, 8]), { temperature: 0.2 }).loss.backward();
    expect(q.grad!.norm().item()).toBeGreaterThan(0);
    expect(k.grad).toBeUndefined();
  }));

it("is ln(K + 1) where queries, keys and queue are one point", () => {
  const point = (rows: number) => full([rows, 4], 0.5);
  const loss = scope(() => mocoLoss(point(3), point(3), point(7), { temperature: 0.2 }).loss.item());
  expect(loss).toBeCloseTo(Math.log(8), 5);
});

it("overwrites the oldest rows of the queue first, round and round", () => {
  const queue = scope(() => new EmbeddingQueue(5, 2));
  const rows = (...angles: number[]) =>
    tensor(
      angles.flatMap((a) => [Math.cos(a), Math.sin(a)]),
      [angles.length, 2],
    );
  const angles = () =>
    Array.from(queue.rows.float32()).flatMap((x, i, all) => (i % 2 ? [] : [Math.atan2(all[i + 1]!, x)]));
  scope(() => {
    queue.push(rows(0.1, 0.2, 0.3));
    queue.push(rows(0.4, 0.5, 0.6));
    angles().forEach((angle, i) => {
      expect(angle).toBeCloseTo([0.6, 0.2, 0.3, 0.4, 0.5][i]!, 5);
    });
    queue.push(rows(1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)); // more than it holds: the last five
    expect(new Set(angles().map((angle) => angle.toFixed(3)))).toEqual(
      new Set(["1.200", "1.300", "1.400", "1.500", "1.600"]),
    );
    expect(queue.rows.norm({ dim: 1 }).sub(1).abs().amax().item()).toBeLessThan(1e-6);
  });
  freeNetwork(queue);
});

it("moves the teacher by 1 − m towards the student after the update, and nothing else moves it", () => {
  const state = tinyState("moco-v2", { ...options, momentum: 0.9, finalMomentum: 0.9 });
  scope(() => {
    const copies = (prefix: string, network: object) =>
      new Map(
        [...namedParameters(network as never)]
          .filter(([key]) => key.startsWith(prefix))
          .map(([key, p]) => [key.slice(prefix.length), p.to("float64").add(0).detach()]),
      );
    const before = copies("teacher.", state.method.frozen!);
    for (const [key, student] of copies("", state.method.trainable))
      expect(student.sub(before.get(key)!).norm().item(), key).toBe(0);
    trainStep(state, tinyBatch());
    const [after, students] = [copies("teacher.", state.method.frozen!), copies("", state.method.trainable)];
    let moved = 0;
    for (const [key, teacher] of after) {
      const expected = before.get(key)!.mul(0.9).add(students.get(key)!.mul(0.1));
      expect(teacher.sub(expected).abs().amax().item(), key).toBeLessThan(1e-6);
      moved += teacher.sub(before.get(key)!).norm().item();
    }
    expect(moved).toBeGreaterThan(1e-3);
  });
  freeState(state);
});

it("keeps the momentum constant, or raises it along a half cosine", () => {
  const at = (step: number) => momentumAt({ step, totalSteps: 100 }, { momentum: 0.99, finalMomentum: 0.999 });
  expect([0, 50, 100].map(at)).toEqual([0.99, expect.closeTo(0.9945, 12), 0.999]);
  expect(momentumAt({ step: 37, totalSteps: 100 }, { momentum: 0.999, finalMomentum: 0.999 })).toBe(0.999);
});

it("shows batch norm the images in groups, as so many devices would", () => {
  manualSeed(3);
  const trunk = scope(() => resnet("resnet18", { stem: "small", width: 4, zeroInitResidual: false }));
  scope(() => {
    const images = randn([8, 3, 16, 16]);
    const weights = randn([8, trunk.outputSize]);
    const gradientThrough = (forward: () => Tensor) => {
      const features = forward();
      features.mul(weights).sum().backward();
      const gradient = trunk.conv1.weight.grad!.add(0);
      trunk.conv1.weight.clearGrad();
      return { features: features.detach(), gradient };
    };
    const distance = (a: Tensor, b: Tensor) => a.sub(b).norm().div(b.norm()).item();
    const alone = gradientThrough(() => cat([0, 1].map((i) => trunk.forward(images.narrow(0, 4 * i, 4)))));
    const together = gradientThrough(() => trunk.forward(images));
    normalizeInGroups(trunk, 2);
    const grouped = gradientThrough(() => trunk.forward(images));
    expect(distance(grouped.features, alone.features)).toBeLessThan(1e-5);
    expect(distance(grouped.gradient, alone.gradient)).toBeLessThan(1e-4);
    expect(distance(grouped.features, together.features)).toBeGreaterThan(1e-2);
    trunk.eval();
    const one = noGrad(() => trunk.forward(images.narrow(0, 0, 1)));
    expect(distance(noGrad(() => trunk.forward(images)).narrow(0, 0, 1), one)).toBeLessThan(1e-5);
  });
  freeNetwork(trunk);
});

it("is the mean of both directions when symmetric", () => {
  const [oneWay, bothWays] = [tinyState("moco-v2", options), tinyState("moco-v2", { ...options, symmetric: true })];
  scope(() => {
    const [a, b] = makeViews(tinyBatch(), oneWay.settings.views, { seed: 0 }) as [never, never];
    const none = tensor([0]);
    const mean = (lossOf(oneWay, [a, b], none).item() + lossOf(oneWay, [b, a], none).item()) / 2;
    expect(lossOf(bothWays, [a, b], none).item()).toBeCloseTo(mean, 5);
  });
  freeState(oneWay);
  freeState(bothWays);
});

it("trains in shuffled groups", () => {
  const state = tinyState("moco-v2", { ...options, batchNormGroups: 4 });
  const losses = [0, 1, 2].map((step) => trainStep(state, tinyBatch(step)).loss);
  expect(losses.every(Number.isFinite)).toBe(true);
  freeState(state);
});

it("shuffles by seed and step", () => {
  const state = tinyState("moco-v2", { ...options, batchNormGroups: 4 });
  const key = (seed: number, step: number) =>
    scope(() => {
      const views = makeViews(tinyBatch(), state.settings.views, { seed: 0 });
      const [, found] = noGrad(() => state.method.represent(views, { seed, step, totalSteps: 9, stepsPerEpoch: 3 }));
      return [...found!.float32()].join();
    });
  expect(key(0, 1)).toBe(key(0, 1));
  expect(key(1, 1)).not.toBe(key(0, 1));
  expect(key(0, 2)).not.toBe(key(0, 1));
  freeState(state);
});
