import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { smallRun } from "../../../../test/small-run.ts";
import { openDataset } from "../../../data/index.ts";
import { freeNetwork, freeOptimizer } from "../../../nn/index.ts";
import { keyedStream } from "../../../random.ts";
import { liveTensors } from "../../../torch/index.ts";
import { buildState } from "../../../train/index.ts";
import { type EvaluateOptions, evaluate } from "../../../work/evaluate.ts";
import { type ProtocolName, protocols } from "../../../work/evaluation/protocols.ts";
import { onlineKnn } from "../../../work/online-knn.ts";
import { protocolCommands } from "./protocols/index.ts";

type Asked = EvaluateOptions<"knn" | "linear" | "few-shot"> & { data: string };

const evaluation = (protocol: string, source: string, { data, ...options }: Asked) =>
  evaluate(source, protocol as "few-shot", data, options as EvaluateOptions<"few-shot">);

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "evaluate-"));
  await pictures("divided/train/dark", 12, 20);
  await pictures("divided/train/light", 12, 200);
  await pictures("divided/test/dark", 5, 20);
  await pictures("divided/test/light", 3, 200);
  await pictures("whole/dark", 10, 20);
  await pictures("whole/light", 15, 200);
  await pictures("flat", 3, 20);
  await pictures("single/only", 3, 20);
  await pictures("tiny/dark", 1, 20);
  await pictures("tiny/light", 1, 200);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Pictures of one brightness in different patterns, red below the middle where dark. */
async function pictures(name: string, count: number, level: number): Promise<void> {
  mkdirSync(join(folder, name), { recursive: true });
  const random = keyedStream(level, count);
  for (let i = 0; i < count; i++) {
    const pixels = Uint8Array.from(
      { length: 3 * 256 },
      (_, place) => (place % 3 === 0 ? 255 - level : level) + 40 * random(),
    );
    await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } })
      .png()
      .toFile(join(folder, name, `${i}.png`));
  }
}

test("a divided folder: train split as bank, test split as queries", async () => {
  const report = await evaluation("knn", "pixels", { data: join(folder, "divided"), k: 3 });
  expect(report).toMatchObject({
    protocol: "knn-v1 k=3 T=0.1",
    value: 1,
    correct: 8,
    count: 8,
    perClass: [
      { name: "dark", correct: 5, count: 5, accuracy: 1 },
      { name: "light", correct: 3, count: 3, accuracy: 1 },
    ],
    data: { name: "divided", bankImages: 24, queryImages: 8, badFiles: 0 },
    representation: { source: "pixels", features: 3 * 32 * 32, precision: "fp32" },
  });
});

test("an undivided folder: a keyed fifth of each class is held out, and the protocol says so", async () => {
  const report = await evaluation("knn", "pixels", { data: join(folder, "whole"), k: 3, seed: 4 });
  expect(report.protocol).toBe("knn-v1 k=3 T=0.1, 20 % of the images held out with seed 4");
  expect(report.perClass.map(({ count }) => count)).toEqual([2, 3]);
  expect(report.data).toMatchObject({ bankImages: 20, queryImages: 5 });
});

test("few-shot and linear, from the same command", async () => {
  const data = join(folder, "divided");
  const { folder: run } = smallRun(join(folder, "protocols"));
  const few = await evaluation("few-shot", "pixels", { data, labels: 2, draws: 3 });
  expect([few.protocol, few.value]).toEqual(["few-shot-v1 2 labels/class, 3 draws", 1]);
  const linear = await evaluation("linear", run, { data, epochs: 2 });
  expect([linear.protocol, linear.value]).toEqual(["linear-v1 2 epochs", 1]);
});

test("a run, on drawn pictures, with a limit that the protocol names; nothing is left in memory", async () => {
  const { folder: run } = smallRun(folder);
  const options = { data: "shapes", limit: 200, precision: "fp32" } as const;
  const report = await evaluation("knn", run, options);
  expect(report.protocol).toBe("knn-v1 k=4 T=0.1, at most 200 images a split");
  expect(report.representation).toMatchObject({ size: 32, features: 32, name: expect.stringContaining("step 5") });
  expect(report.count).toBe(200);
  const before = liveTensors().live;
  expect((await evaluation("knn", run, options)).perClass).toEqual(report.perClass);
  expect(liveTensors().live).toBe(before);
});

test.each([
  [
    "knm",
    "pixels",
    "shapes",
    "configuration",
    /knm is no protocol; knn, linear, few-shot are there.* Did you mean knn\?/,
  ],
  ["toString", "pixels", "shapes", "configuration", /toString is no protocol/],
  ["knn", "pixels", "flat", "data", /flat has no labels; accuracy needs them; put the pictures of each class/],
  ["knn", "pixels", "single", "data", /all 3 images of single are of one class \(only\); two or more are needed/],
  ["knn", "pixels", "tiny", "data", /tiny has 2 images and no class of two/],
  ["knn", "pixels", "shape", "data", /Did you mean shapes\?/],
  ["knn", "runs/none", "divided", "checkpoint", /runs\/none is not there/],
  ["few-shot", "pixels", "divided", "data", /10 labels of each class are asked for; dark has 8/],
])("evaluate %s %s --data %s: refused as %s", async (protocol, source, data, kind, message) => {
  const known = data.startsWith("shape") ? data : join(folder, data);
  const options = { data: known, ...(protocol === "few-shot" && { labels: 13 }) };
  const expected = protocol === "few-shot" ? /13 labels of each class are asked for; dark has 12/ : message;
  await expect(evaluation(protocol, source, options)).rejects.toMatchObject({ kind, message: expected });
});

test("an option of another protocol is refused: it would do nothing", async () => {
  await expect(evaluation("knn", "pixels", { data: "shapes", labels: 5 })).rejects.toMatchObject({
    kind: "configuration",
    message: "evaluate: labels 5 with knn; knn has k and temperature; leave it out, or measure by few-shot or finetune",
  });
});

test.each(Object.keys(protocols) as ProtocolName[])(
  "%s has the same options as a command and in the library",
  (name) => {
    const flags = protocolCommands[name].options.map((option) => option.attributeName());
    expect(flags.sort()).toEqual(Object.keys(protocols[name].own).sort());
    expect(protocolCommands[name].without ?? []).toEqual(protocols[name].without ?? []);
  },
);

test.each([
  ["knn", { k: 0 }, "evaluate knn: k 0: a whole number of 1 or more is needed"],
  ["few-shot", { draws: 1.5 }, "evaluate few-shot: draws 1.5: a whole number of 1 or more is needed"],
  ["linear", { size: 4 }, "open representation: size 4: a whole number from 8 to 1024 is needed"],
])("%s %j: a value that cannot be is refused before any work", async (protocol, options, message) => {
  const asked = evaluation(protocol, "pixels", { data: "shapes", limit: 200, ...options });
  await expect(asked).rejects.toMatchObject({ kind: "configuration", message });
});

test("online kNN: on train images alone, the same at every call, and silent where there is nothing to measure", async () => {
  const { settings } = smallRun(join(folder, "online"));
  const dataset = await openDataset("shapes", { limit: 300 });
  const state = buildState(settings, dataset);
  const measure = (await onlineKnn(settings, { dataset }))!;
  const found = await measure(state);
  expect(found).toEqual([{ protocol: "online knn-v1 k=4 T=0.1, 240 + 60 train images", value: expect.any(Number) }]);
  expect(await (await onlineKnn(settings, { dataset }))!(state)).toEqual(found);
  expect((state.method.trainable.backbone as { training: boolean }).training).toBe(true);
  expect(await onlineKnn({ ...settings, knnEveryEpochs: 0 }, { dataset })).toBeUndefined();
  expect(await onlineKnn(settings, { dataset: await openDataset("shapes", { limit: 99 }) })).toBeUndefined();
  expect(await onlineKnn(settings, { dataset: { ...dataset, labels: new Int32Array(300) } })).toBeUndefined();
  freeOptimizer(state.optimizer);
  freeNetwork(state.network);
});
