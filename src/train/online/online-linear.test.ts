import { afterAll, describe, expect, it } from "vitest";
import {
  bitsOf,
  newTinyRun,
  scratchFolder,
  stopAfter,
  tinyData,
  tinySettings,
  trainTiny,
} from "../../../test/tiny-run.ts";
import type { Dataset } from "../../data/index.ts";
import { freeNetwork, freeOptimizer } from "../../nn/index.ts";
import { keyedStream } from "../../random.ts";
import { liveTensors, manualSeed, randomState, scope, tensor } from "../../torch/index.ts";
import { loadNewestCheckpoint } from "../run/checkpoint.ts";
import { buildState, freeState } from "../state.ts";
import { trainStep } from "../step.ts";
import { onlineParts, openOnlineLinear } from "./online-linear.ts";

const scratch = scratchFolder();
afterAll(() => {
  scratch.remove();
  expect(liveTensors().live).toBe(0);
});

const labelled = (length = 42): Dataset => ({
  ...tinyData(1, length),
  labels: Int32Array.from({ length }, (_, i) => i % 3),
  classes: ["a", "b", "c"],
});

/** The tensors of a finished run, by name; the classifier's own apart. */
async function trained(onlineLinear: boolean, more = {}) {
  const folder = scratch.next();
  const settings = tinySettings({ onlineLinear, ...more });
  newTinyRun(folder, settings, labelled());
  await trainTiny(folder, settings, { dataset: labelled() });
  const { model, optimizer } = loadNewestCheckpoint(folder, () => {});
  const all = [
    ...model.tensors,
    ...[...optimizer.tensors].map(([name, value]) => [`optimizer.${name}`, value] as const),
  ];
  const bytes = all.map(([name, value]) => [name, Buffer.from(value.bytes).toString("hex")] as const);
  const isOwn = ([name]: readonly [string, string]) => name.includes("onlineLinear");
  return {
    folder,
    settings,
    trunk: bytes.filter((each) => !isOwn(each)),
    own: bytes.filter(isOwn).map(([name]) => name),
  };
}

describe("a linear classifier beside the trunk", () => {
  it.each([
    ["barlow-twins", {}],
    ["moco-v2", { queueLength: 16, projector: "16-8", batchNormGroups: 2 }],
  ])("changes no bit of what %s learns, nor of its optimizer", async (method, more) => {
    const own = { method, precision: "fp32", projector: "16-16", ...more };
    const [without, beside] = [await trained(false, own), await trained(true, own)];
    expect(without.own).toEqual([]);
    expect(beside.own).toContain("onlineLinear.classifier.weight");
    expect(beside.own).toContain("optimizer.momentum.onlineLinear.classifier.weight");
    expect(beside.trunk).toEqual(without.trunk);
  });

  it("is in the checkpoint: a run that was stopped ends with the bits of the unbroken one", async () => {
    const whole = await trained(true);
    const folder = scratch.next();
    newTinyRun(folder, whole.settings, labelled());
    const dataset = labelled();
    await trainTiny(folder, whole.settings, { dataset, isStopping: stopAfter(7) });
    expect(bitsOf(folder)).not.toBe(bitsOf(whole.folder));
    await trainTiny(folder, whole.settings, { dataset, resumes: true });
    expect(bitsOf(folder)).toBe(bitsOf(whole.folder));
  });

  it("is not there where the pictures have no labels", async () => {
    const state = buildState(tinySettings({ onlineLinear: true }), tinyData());
    expect(state.onlineLinear).toBeUndefined();
    freeState(state);
  });

  it("never sees the labels of what it is asked for", () => {
    const settings = tinySettings({ onlineLinear: true, precision: "fp32" });
    const [held] = onlineParts(42, settings.seed).held;
    const others = onlineParts(42, settings.seed).others;
    const weightsWith = (label: number) => {
      const state = buildState(settings, labelled());
      const { pixels, channels, height, width } = tinyData() as Extract<Dataset, { kind: "array" }>;
      const indices = Uint32Array.from([held!, ...others.slice(0, 7)]);
      const size = channels * height * width;
      const bytes = Uint8Array.from([...indices].flatMap((at) => [...pixels.subarray(at * size, (at + 1) * size)]));
      const labels = Int32Array.from(indices, (place) => (place === held ? label : place % 3));
      trainStep(state, { epoch: 0, step: 0, indices, labels, images: { pixels: bytes, channels, height, width } });
      state.step = 5; // past the warm-up, where the rate is not 0
      trainStep(state, { epoch: 0, step: 1, indices, labels, images: { pixels: bytes, channels, height, width } });
      const weights = [...state.onlineLinear!.head.classifier.weight.float32()];
      freeState(state);
      return weights;
    };
    expect(weightsWith(0).some((value) => value !== 0)).toBe(true);
    expect(weightsWith(0)).toEqual(weightsWith(2));
  });

  it("begins at zero and draws nothing", () => {
    manualSeed(3);
    const before = randomState();
    const { head, optimizer } = openOnlineLinear(8, 3, new Set());
    expect([...randomState()]).toEqual([...before]);
    expect(head.classifier.weight.float32().every((value) => value === 0)).toBe(true);
    freeOptimizer(optimizer);
    freeNetwork(head);
  });

  it("sees features in float64's measure: (x − mean) / √(var + 1e-5) / √R, rows of length 1 on average", () => {
    const [n, R] = [16, 8];
    const draw = keyedStream(1, 2);
    const values = Float32Array.from({ length: n * R }, (_, i) => 10 ** (i % R) * (draw() - 0.3));
    const { head, optimizer } = openOnlineLinear(R, 3, new Set());
    const got = scope(() => head.standardized(tensor(values, [n, R])).float32());
    for (let feature = 0; feature < R; feature++) {
      const own = Array.from({ length: n }, (_, row) => values[row * R + feature]!);
      const mean = own.reduce((sum, value) => sum + value, 0) / n;
      const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
      own.forEach((value, row) => {
        const expected = (value - mean) / Math.sqrt((variance + 1e-5) * R);
        expect(Math.abs(got[row * R + feature]! - expected)).toBeLessThan(1e-4);
      });
    }
    freeOptimizer(optimizer);
    freeNetwork(head);
  });
});
