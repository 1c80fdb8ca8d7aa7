// Alarms on played logs: when they come, what they carry, and that whole runs have none.
import { afterAll, describe, expect, it } from "vitest";
import { newTinyRun, scratchFolder, tinySettings, trainTiny } from "../../../test/tiny-run.ts";
import { namedParameters } from "../../nn/index.ts";
import { type LogEvent, readLog } from "../run/log.ts";
import { type PartialSettings, resolveSettings } from "../settings/settings.ts";
import type { TrainState } from "../state.ts";
import { type AlarmFacts, alarmWatch, type Raised } from "./alarms.ts";
import { collapseAlarm, notFiniteAlarm } from "./proposals.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

interface Played {
  loss?: (step: number) => number;
  rate?: (step: number) => number;
  wait?: (step: number) => number;
  imagesPerSecond?: number;
  knn?: (epoch: number) => number;
}

/** Plays a log of 10,000 steps, 500 an epoch, and returns the alarms with their steps. */
function played(
  { loss = (s) => 1000 / (1 + s), rate = () => 0.1, wait = () => 0, imagesPerSecond = 256, knn }: Played,
  layer: PartialSettings = {},
  totalSteps = 10_000,
) {
  const settings = resolveSettings({ steps: totalSteps, size: 32, optimizer: { learningRate: 0.1 } }, layer);
  const watch = alarmWatch({ settings, totalSteps, warmupSteps: 500, peak: 0.1 } satisfies AlarmFacts);
  const raised: (Raised & { step: number })[] = [];
  const take = (event: LogEvent) => {
    const one = watch.observe(event);
    if (one) raised.push({ ...one, step: event.step });
  };
  for (let step = 1; step <= totalSteps; step++) {
    const report = { step, epoch: Math.floor((step - 1) / 500), loss: loss(step), floor: 0, learningRate: rate(step) };
    take({ event: "step", ...report, imagesPerSecond, dataWaitShare: wait(step) });
    if (knn && step % 500 === 0)
      take({ event: "evaluation", step, epoch: report.epoch, protocol: "kNN", value: knn(report.epoch) });
  }
  return raised;
}

const cosine = (step: number) => 0.05 * (1 + Math.cos((Math.PI * step) / 10_000));
const flat = () => 5;

describe("stagnation", () => {
  it("is called a fifth of the run after the last progress, once, with its figures and a fork", () => {
    const [alarm, ...more] = played({ loss: (s) => Math.max(5, 1000 / s) });
    expect(more).toEqual([]);
    expect(alarm!.step).toBeGreaterThanOrEqual(2700);
    expect(alarm!.step).toBeLessThanOrEqual(3100);
    expect(alarm!.alarm).toEqual({
      kind: "stagnation",
      evidence: { steps: 2000, lossAboveFloor: 5, bestLossAboveFloor: 5, bestKnn: null },
      proposal: {
        settings: expect.objectContaining({ "optimizer.learningRate": 0.05 }),
        from: null,
        why: expect.any(String),
      },
    });
    expect(alarm!.message).toMatch(/nothing has come further for 2000 steps/);
  });

  it("is called again only after the run went on for a while", () => {
    expect(
      played({ loss: (s) => (s < 5000 ? 5 : s < 6000 ? 5 - (s - 5000) / 500 : 3) }).map(({ step }) =>
        Math.round(step / 100),
      ),
    ).toHaveLength(2);
  });

  it.each([
    ["a loss that falls by 1.5 % in every fifth", { loss: (s: number) => 100 * 0.985 ** (s / 2000) }],
    ["a run whose rate has come down", { loss: (s: number) => (s < 7600 ? 1e4 / s : 1.3), rate: cosine }],
    ["a flat loss while kNN rises", { loss: flat, knn: (epoch: number) => 0.3 + 0.006 * epoch }],
    ["noise around a falling loss", { loss: (s: number) => 1000 / s ** 0.5 + (s % 7) }],
  ] as [string, Played][])("is not %s", (_, events) => expect(played(events)).toEqual([]));

  it("of a method whose loss does not tell is called by kNN alone", () => {
    const byol: PartialSettings = { method: "byol" };
    expect(played({ loss: flat }, byol)).toEqual([]);
    expect(played({ loss: flat, knn: () => 0.4 }, byol).map(({ alarm }) => alarm.evidence.bestKnn)).toEqual([0.4]);
    expect(played({ loss: flat, knn: (epoch) => 0.3 + 0.01 * epoch }, byol)).toEqual([]);
  });

  it("is measured anew when the run was steered", () => {
    const settings = resolveSettings({ steps: 10_000, size: 32 });
    const watch = alarmWatch({ settings, totalSteps: 10_000, warmupSteps: 0, peak: 0.1 });
    const steps: number[] = [];
    for (let step = 1; step <= 5000; step++) {
      if (step === 2001) watch.observe({ event: "act", act: "set", step, time: "", request: "", who: "", via: "page" });
      const report = { step, epoch: 0, loss: step > 2000 ? 50 : 5, floor: 0, learningRate: 0.1 };
      if (watch.observe({ event: "step", ...report, imagesPerSecond: 1, dataWaitShare: 0 })) steps.push(step);
    }
    expect(steps).toEqual([4200]);
  });
});

describe("data wait", () => {
  it("is called when half of a minute's time went into it, with what is read of each file", () => {
    const [alarm, ...more] = played({ wait: (s) => (s > 100 ? 0.6 : 0) });
    expect(more).toEqual([]);
    expect(alarm!.step).toBeGreaterThan(140);
    expect(alarm!.step).toBeLessThan(170);
    expect(alarm!.alarm.evidence.dataWaitShare).toBeGreaterThanOrEqual(0.5);
    expect(alarm!.alarm).not.toHaveProperty("proposal");
    expect(alarm!.message).toMatch(/a shorter side of 32 pixels/);
  });

  it("proposes smaller decoding where more is decoded than seen", () => {
    const [alarm] = played({ wait: () => 0.6 }, { decodeSize: 500 });
    expect(alarm!.alarm.proposal).toMatchObject({ settings: { decodeSize: null }, from: null });
  });

  it.each([
    ["a hiccup of half a minute", { wait: (s: number) => (s > 100 && s < 130 ? 0.9 : 0.01) }],
    ["a third of the time", { wait: () => 0.35 }],
    ["a fast run's few seconds", { wait: (s: number) => (s < 200 ? 0.8 : 0), imagesPerSecond: 256 * 100 }],
  ] as [string, Played][])("is not %s", (_, events) => expect(played(events)).toEqual([]));

  it("is called again after it was well", () => {
    expect(played({ wait: (s) => (s % 1000 < 500 ? 0.7 : 0.1) }, {}, 3000)).toHaveLength(3);
  });
});

describe("what a collapse proposes", () => {
  const health = { featureStd: 0.01, effectiveRank: 1.2, deadDimensions: 3, recognition: 0.5 };
  const proposed = (layer: PartialSettings, kind: "point" | "line" | "few directions" | "repeats", before?: number) =>
    collapseAlarm(resolveSettings({ size: 32, steps: 10 }, layer), { kind, sentence: "" }, health, before).proposal!;

  it.each([
    [
      "the guard that was taken away, in a new run",
      { method: "simclr", negatives: false },
      "line",
      400,
      { negatives: true },
      0,
    ],
    ["BYOL's predictor", { method: "byol", predictor: "none" }, "point", 400, { predictor: "4096" }, 0],
    ["more weight against repetition", { lambda: 0.01 }, "repeats", 400, { lambda: 0.02 }, 400],
    ["the same for VICReg", { method: "vicreg" }, "repeats", 400, { covariance: 2 }, 400],
    [
      "half the rate, from before the fall",
      { optimizer: { learningRate: 0.2, biasLearningRate: null } },
      "point",
      400,
      { "optimizer.learningRate": 0.1 },
      400,
    ],
    [
      "half the rate in a new run, where nothing older was saved",
      { optimizer: { learningRate: 0.2, biasLearningRate: 0.01 } },
      "line",
      undefined,
      { "optimizer.learningRate": 0.1, "optimizer.biasLearningRate": 0.005 },
      0,
    ],
  ] as [string, PartialSettings, "point", number | undefined, object, number][])(
    "%s",
    (_, layer, kind, before, settings, from) => {
      const proposal = proposed(layer, kind, before);
      expect(proposal).toEqual({ settings, from, why: expect.any(String) });
      const tree = Object.entries(proposal.settings);
      expect(tree.length).toBeGreaterThan(0);
    },
  );

  it("with figures that are no numbers says null", () => {
    const lost = { ...health, effectiveRank: Number.NaN };
    const alarm = collapseAlarm(resolveSettings({ steps: 1 }), { kind: "point", sentence: "" }, lost, undefined);
    expect(alarm.evidence).toEqual({ featureStd: 0.01, effectiveRank: null, deadDimensions: 3, recognition: 0.5 });
  });
});

it("a loss that is not finite stands in the log with its alarm, before the run ends", async () => {
  const folder = scratch.next();
  const settings = tinySettings({ knnEveryEpochs: 1 });
  newTinyRun(folder, settings);
  const evaluate = async ({ network }: TrainState) => {
    const weight = [...namedParameters(network).values()].at(-1)!;
    weight.setData(weight.detach().mul(Number.POSITIVE_INFINITY));
    return [{ protocol: "poison", value: 0 }];
  };
  await expect(trainTiny(folder, settings, { evaluate })).rejects.toMatchObject({ kind: "numerics" });
  const last = readLog(folder).at(-1) as Extract<LogEvent, { event: "warning" }>;
  expect(last).toMatchObject({
    event: "warning",
    alarm: {
      kind: "not finite",
      evidence: { loss: null, learningRate: expect.any(Number) },
      proposal: { settings: { "optimizer.learningRate": expect.any(Number) }, from: 0 },
    },
  });
  const { proposal } = notFiniteAlarm(settings, "bf16", { step: 3, learningRate: 1 }, true);
  expect(proposal).toMatchObject({ settings: { precision: "fp32" }, from: null });
});
