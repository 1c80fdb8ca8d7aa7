import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { openDataset } from "../../data/index.ts";
import {
  type LogEvent,
  type PartialSettings,
  type RunSettings,
  readLog,
  readRun,
  startRun,
} from "../../train/index.ts";
import { onlineKnn } from "../online-knn.ts";
import { resume } from "../pretrain.ts";
import { speedrunClock } from "./clock.ts";
import { reportOf, type SpeedrunResult, spreadOf } from "./result.ts";
import { speedrun, speedrunOf } from "./speedrun.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const quiet = () => {};
/** Of 200 pictures 160 are trained on, 10 steps an epoch, and 40 held out. */
const small: RunSettings = {
  method: "barlow-twins",
  width: 4,
  size: 16,
  projector: "16-16",
  batchSize: 16,
  limit: 200,
  holdOut: 0.2,
  epochs: 3,
  precision: "fp32",
  device: "cpu",
};
const evaluations = (folder: string) => readLog(folder).filter(({ event }) => event === "evaluation");
const stored = (folder: string): SpeedrunResult => JSON.parse(readFileSync(join(folder, "speedrun.json"), "utf8"));

describe("the clock", () => {
  const clockAt = (target: number, limitSeconds = 100) => {
    let [milliseconds, decided] = [0, 0];
    const onDecided = () => {
      decided += 1;
    };
    const clock = speedrunClock({ target, limitSeconds, onDecided, now: () => milliseconds });
    const hear = (at: number, event: Partial<LogEvent>) => {
      milliseconds = 1000 * at;
      clock.hear({ epoch: 0, ...event } as LogEvent);
    };
    const knn = (at: number, step: number, value: number, seconds: number) =>
      hear(at, { event: "evaluation", step, protocol: "online knn-v1", value, seconds });
    return { clock, hear, knn, decided: () => decided };
  };

  it("runs from the first step's start to the end of the step, without and with measuring", () => {
    const { clock, hear, knn, decided } = clockAt(0.8);
    hear(7, { event: "start", step: 0 });
    hear(10, { event: "step", step: 5 });
    knn(12, 5, 0.5, 2);
    hear(17, { event: "step", step: 10 });
    knn(20, 10, 0.8, 3);
    expect(clock.looks).toEqual([
      { step: 5, epoch: 1, trainingSeconds: 3, wholeSeconds: 5, knn: 0.5 },
      { step: 10, epoch: 1, trainingSeconds: 8, wholeSeconds: 13, knn: 0.8 },
    ]);
    hear(30, { event: "step", step: 11 });
    expect(clock).toMatchObject({ isReached: true, isOver: false, trainingSeconds: 8, wholeSeconds: 13 });
    expect(decided()).toBe(1);
  });

  it("says once that the time is up, unless the target is reached at that moment", () => {
    const late = clockAt(0.8, 10);
    late.hear(0, { event: "start", step: 0 });
    late.hear(11, { event: "step", step: 5 });
    late.knn(12, 5, 0.9, 1);
    expect([late.clock.isReached, late.clock.isOver, late.decided()]).toEqual([false, true, 1]);
    const inTime = clockAt(0.8, 10);
    inTime.hear(0, { event: "start", step: 0 });
    inTime.knn(11, 5, 0.9, 1);
    expect([inTime.clock.isReached, inTime.clock.isOver]).toEqual([true, false]);
  });

  it("does not take a linear classifier's figure for kNN's", () => {
    const { clock, hear } = clockAt(0.8);
    hear(0, { event: "start", step: 0 });
    hear(5, { event: "evaluation", step: 5, protocol: "online linear-v1", value: 0.9, seconds: 1 });
    expect([clock.looks, clock.isReached]).toEqual([[], false]);
  });
});

test("spreads: the middle of an odd number, the mean of the middle two of an even one, none of none", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
  expect(spreadOf([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
  expect(spreadOf([])).toBeNull();
});

describe("a speedrun", () => {
  it("stops after the epoch that reaches the target, then measures once, and keeps what it found", async () => {
    const out = scratch.next();
    const report = await speedrun("shapes", small, { target: 1, out, onEvent: quiet });
    const [result] = report.runs;
    expect(result).toMatchObject({
      outcome: "reached",
      target: 1,
      seed: 0,
      recipe: "shapes-speedrun",
      limitMinutes: 10,
    });
    expect(result!.images).toEqual({ trained: 160, heldOut: 40 });
    expect(evaluations(out)).toHaveLength(1);
    expect(readLog(out).at(-1)).toMatchObject({ event: "end", step: 10, reason: "stopped" });
    const { training, withMeasuring, fromStart } = result!.seconds;
    expect(training).toBeGreaterThan(0);
    expect(withMeasuring).toBeGreaterThan(training);
    expect(fromStart).toBeGreaterThan(withMeasuring);
    expect(result!.test).toMatchObject({ bankImages: 200, queryImages: 200 });
    expect(result!.test!.protocol).toContain("knn-v1");
    expect(stored(out)).toEqual(JSON.parse(JSON.stringify(result)));
    const page = readFileSync(join(out, "speedrun.md"), "utf8");
    expect(page).toMatch(/shapes, 1 % kNN: reached, .* s of training/);
    expect(page).toMatch(/\| 1 \| 10 \| [\d.]+ s \| [\d.]+ s \| [\d.]+ % \|/);
    expect(page).toContain('"holdOut": 0.2');
    expect(report).toMatchObject({ reached: 1, trainingSeconds: { min: training, median: training, max: training } });
  });

  it("that does not get there ends with what it came to: out of steps, or out of time", async () => {
    const [steps, time] = [scratch.next(), scratch.next()];
    const whole = await speedrun("shapes", { ...small, epochs: 1 }, { target: 99.9, out: steps, onEvent: quiet });
    expect(whole.runs[0]).toMatchObject({ outcome: "out of steps", looks: [{ step: 10 }] });
    expect(whole).toMatchObject({ reached: 0, trainingSeconds: null, test: { min: whole.runs[0]!.test!.value } });
    const short = await speedrun("shapes", small, { target: 99.9, out: time, limitMinutes: 1e-9, onEvent: quiet });
    expect(short.runs[0]).toMatchObject({ outcome: "out of time", looks: [] });
    expect(short.runs[0]!.test!.value).toBeGreaterThanOrEqual(0);
    expect(readLog(time).at(-1)).toMatchObject({ event: "end", step: 1 });
    expect(readFileSync(join(time, "speedrun.md"), "utf8")).toContain("not reached: the time was up");
  });

  it("that is stopped is a run like any other: saved, not measured on test pictures, resumed on the same pictures", async () => {
    const out = scratch.next();
    const stopping = new AbortController();
    const onEvent = ({ event, step }: LogEvent) => event === "step" && step === 4 && stopping.abort();
    const { runs } = await speedrun("shapes", small, { target: 99.9, out, signal: stopping.signal, onEvent });
    expect(runs[0]).toMatchObject({ outcome: "stopped", test: null, looks: [] });
    expect(await resume(out, {}, { onEvent: quiet })).toMatchObject({ reason: "complete", step: 30 });
    expect(evaluations(out)).toHaveLength(3);
    for (const event of evaluations(out)) expect(event).toMatchObject({ protocol: /160 \+ 40 held-out/ });
  });

  it("of several seeds has a folder for each and their spread above them", async () => {
    const out = scratch.next();
    const settings = { ...small, epochs: 1, seed: 5 };
    const report = await speedrun("shapes", settings, { target: 1, out, seeds: 2, onEvent: quiet });
    expect(readdirSync(out).sort()).toEqual(["seed-5", "seed-6", "speedrun.json", "speedrun.md"]);
    expect(report.runs.map(({ seed }) => [seed, readRun(join(out, `seed-${seed}`)).settings.seed])).toEqual([
      [5, 5],
      [6, 6],
    ]);
    expect(report).toEqual(reportOf(out, report.runs));
    expect(report.trainingSeconds!.min).toBeLessThanOrEqual(report.trainingSeconds!.max);
    expect(readFileSync(join(out, "speedrun.md"), "utf8")).toContain("2 of 2 runs reached the target");
  });

  it.each([
    ["cifar", {}, {}, /speedrun: cifar; a speedrun is defined for cifar10 and shapes; .*Did you mean cifar10\?/],
    ["shapes", {}, { target: 100 }, /target 100; a percentage between 0 and 100/],
    ["shapes", {}, { limitMinutes: 0 }, /limitMinutes 0; a number above 0/],
    ["shapes", { holdOut: 0 }, {}, /holdOut 0; the target is measured on pictures that are held out/],
    ["shapes", { knnEveryEpochs: 0 }, {}, /knnEveryEpochs 0; the target is measured/],
    ["shapes", { lamda: 1 }, {}, /lamda: no such setting of barlow-twins.*Did you mean lambda\?/],
  ])("%s %j %j is refused before any work", async (data, settings, options, message) => {
    const out = scratch.next();
    await expect(speedrunOf(data, [settings as PartialSettings], { out, ...options })).rejects.toMatchObject({
      kind: "configuration",
      message,
    });
    expect(existsSync(out)).toBe(false);
  });
});

test("held-out pictures are neither trained on nor among those that vote, and are the same for every seed", async () => {
  const prepared = await Promise.all(
    [0, 1].map((seed) => startRun("shapes", [small, { seed }], { out: scratch.next(), command: "test", warn: quiet })),
  );
  const whole = await openDataset("shapes", { limit: 200 });
  const picturesOf = (dataset: { pixels?: Uint8Array }) => {
    const { pixels } = dataset as { pixels: Uint8Array };
    return Array.from({ length: pixels.length / 3072 }, (_, i) =>
      Buffer.from(pixels.subarray(3072 * i, 3072 * (i + 1))).toString("base64"),
    );
  };
  const [{ dataset, heldOut, settings }, other] = prepared as [(typeof prepared)[0], (typeof prepared)[0]];
  const [kept, held] = [picturesOf(dataset as never), picturesOf(heldOut as never)];
  expect([kept.length, held.length]).toEqual([160, 40]);
  expect(held.filter((picture) => kept.includes(picture))).toEqual([]);
  expect([...kept, ...held].sort()).toEqual(picturesOf(whole as never).sort());
  expect(other.heldOut!.fingerprint).toBe(heldOut!.fingerprint);
  expect(await onlineKnn(settings, { dataset, heldOut })).toBeTypeOf("function");
});

describe("test pictures", () => {
  const record = (label: number, key: number) => Buffer.concat([Buffer.of(label), Buffer.alloc(3072, 17 * key)]);
  const file = (count: number) => Buffer.concat(Array.from({ length: count }, (_, i) => record(i % 10, i)));
  const folder = join(scratch.next(), "cifar-10-batches-bin");
  const before = process.env.SELFSIGHT_DATA;
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    for (const part of [1, 2, 3, 4, 5]) writeFileSync(join(folder, `data_batch_${part}.bin`), file(40));
    process.env.SELFSIGHT_DATA = join(folder, "..");
  });
  afterAll(() => {
    if (before === undefined) delete process.env.SELFSIGHT_DATA;
    else process.env.SELFSIGHT_DATA = before;
  });

  it("are read when the run has ended, and not before: until then they need not be there", async () => {
    const onEvent = ({ event }: LogEvent) => event === "end" && writeFileSync(join(folder, "test_batch.bin"), file(20));
    const settings: RunSettings = { ...small, limit: null, earlySize: 8, epochs: 1 };
    const { runs } = await speedrun("cifar10", settings, { target: 1, out: scratch.next(), onEvent });
    expect(runs[0]).toMatchObject({ recipe: "cifar10-speedrun-80", images: { trained: 160, heldOut: 40 } });
    expect(runs[0]!.test).toMatchObject({ bankImages: 200, queryImages: 20 });
  });

  it("above a target of 80 % the recipe is that for 90", async () => {
    const settings: RunSettings = { ...small, limit: null, earlySize: 8, epochs: 1 };
    const options = { target: 81, limitMinutes: 1e-9, out: scratch.next(), onEvent: quiet };
    const { runs } = await speedrun("cifar10", settings, options);
    expect(runs[0]).toMatchObject({ recipe: "cifar10-speedrun-90", outcome: "out of time" });
  });
});
