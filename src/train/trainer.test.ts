import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  bitsOf,
  newTinyRun,
  scratchFolder,
  stopAfter,
  tinyData,
  tinySettings,
  trainTiny,
} from "../../test/tiny-run.ts";
import { SelfsightError } from "../errors.ts";
import { freeNetwork, freeOptimizer, namedParameters, type stateOf } from "../nn/index.ts";
import { liveTensors, threads } from "../torch/index.ts";
import { checkpointNames, loadNewestCheckpoint, saveCheckpoint } from "./run/checkpoint.ts";
import { type LogEvent, readLog } from "./run/log.ts";
import type { TrainState } from "./state.ts";
import { buildState, checkpointOf, restore } from "./state.ts";
import { trainStep } from "./step.ts";

const scratch = scratchFolder();
beforeAll(() => void threads(1));
afterAll(scratch.remove);

async function wholeRun(settings = tinySettings()) {
  const folder = scratch.next();
  newTinyRun(folder, settings);
  await trainTiny(folder, settings);
  return { folder, settings, bits: bitsOf(folder) };
}

const events = <Name extends LogEvent["event"]>(folder: string, name: Name) =>
  readLog(folder).filter((event): event is Extract<LogEvent, { event: Name }> => event.event === name);

describe("bits", () => {
  it("are the same when the same run is done twice, and others with another seed", async () => {
    const [once, twice] = [await wholeRun(), await wholeRun()];
    expect(twice.bits).toBe(once.bits);
    expect((await wholeRun(tinySettings({ seed: 1 }))).bits).not.toBe(once.bits);
  });

  it("do not change when the run is cut at any step, epoch ends and step 0 among them", async () => {
    const settings = tinySettings({ checkpointEverySteps: 1, keepCheckpoints: 100 });
    const { folder, bits } = await wholeRun(settings);
    for (const name of checkpointNames(folder)) {
      const cut = scratch.copyOf(folder);
      const later = checkpointNames(cut).filter((other) => other > name);
      for (const other of later) rmSync(join(cut, "checkpoints", other), { recursive: true });
      await trainTiny(cut, settings, { resumes: true });
      expect(bitsOf(cut), `cut after ${name}`).toBe(bits);
    }
    const unsaved = scratch.copyOf(folder);
    for (const name of checkpointNames(unsaved)) rmSync(join(unsaved, "checkpoints", name), { recursive: true });
    await trainTiny(unsaved, settings);
    expect(bitsOf(unsaved), "killed before the first save").toBe(bits);
  });

  it("do not change when the run is stopped after every single step", async () => {
    for (const precision of ["fp32", "bf16"] as const) {
      const settings = tinySettings({ precision });
      const { bits } = await wholeRun(settings);
      const folder = scratch.next();
      newTinyRun(folder, settings);
      let result = await trainTiny(folder, settings, { isStopping: stopAfter(1) });
      for (; result.reason === "stopped"; ) {
        expect(bitsOf(folder)).not.toBe(bits);
        result = await trainTiny(folder, settings, { resumes: true, isStopping: stopAfter(1) });
      }
      expect(bitsOf(folder)).toBe(bits);
    }
  });

  it.each(["lars", "adamw"] as const)(
    "do not change when a run with %s is cut three times in one epoch",
    async (name) => {
      const settings = tinySettings({ optimizer: { name, learningRate: 0.01 }, steps: 9 });
      const { bits } = await wholeRun(settings);
      const folder = scratch.next();
      newTinyRun(folder, settings);
      await trainTiny(folder, settings, { isStopping: stopAfter(6) });
      for (let cut = 0; cut < 2; cut++) await trainTiny(folder, settings, { resumes: true, isStopping: stopAfter(1) });
      await trainTiny(folder, settings, { resumes: true });
      expect(bitsOf(folder)).toBe(bits);
    },
  );

  it("are others where LARS has another eta, and others where it clips", async () => {
    const bitsWith = async (optimizer: object) =>
      (await wholeRun(tinySettings({ optimizer: { name: "lars", learningRate: 1, ...optimizer }, steps: 2 }))).bits;
    const clipped = { eta: 0.5, clipsRatio: true };
    expect(new Set([await bitsWith({}), await bitsWith({ eta: 0.5 }), await bitsWith(clipped)]).size).toBe(3);
  });

  it("are left alone when a complete run is resumed", async () => {
    const { folder, settings, bits } = await wholeRun();
    expect(await trainTiny(folder, settings, { resumes: true })).toEqual({
      reason: "complete",
      step: 12,
      totalSteps: 12,
      leftOut: [],
    });
    expect(bitsOf(folder)).toBe(bits);
  });

  it("are written again as they were read", async () => {
    const { folder, settings, bits } = await wholeRun(tinySettings({ steps: 3 }));
    const checkpoint = loadNewestCheckpoint(folder, () => {});
    const state = buildState(settings, tinyData());
    restore(state, checkpoint);
    const again = scratch.next();
    mkdirSync(again);
    const { settingsHash, fingerprint, quarantine } = checkpoint.state;
    saveCheckpoint(again, checkpointOf(state, { settingsHash, fingerprint, quarantine }), { keep: 1 });
    expect(bitsOf(again)).toBe(bits);
    expect(readFileSync(join(again, "checkpoints", "step-0000003", "state.json"), "utf8")).toBe(
      readFileSync(join(checkpoint.folder, "state.json"), "utf8"),
    );
    freeOptimizer(state.optimizer);
    freeNetwork(state.network);
  });
});

describe("steps given ahead of their numbers, as to a GPU,", () => {
  it("leave the same bits and the same log", async () => {
    const settings = tinySettings({ watchEverySteps: 2, checkpointEverySteps: 5, logEverySteps: 1 });
    const run = async (stepsAhead: number) => {
      const folder = scratch.next();
      newTinyRun(folder, settings);
      const order: string[] = [];
      await trainTiny(folder, settings, {
        stepsAhead,
        onEvent: ({ event, step }) => void order.push(`${event} ${step}`),
      });
      const steps = events(folder, "step").map(({ imagesPerSecond, dataWaitShare, stepShares, ...same }) => same);
      return { bits: bitsOf(folder), steps, order };
    };
    expect(await run(1)).toEqual(await run(0));
    expect((await run(3)).bits).toBe((await run(0)).bits);
  });

  it("end a run that is not finite as steps read at once do", async () => {
    const settings = tinySettings({ knnEveryEpochs: 1, checkpointEverySteps: 4 });
    const folder = scratch.next();
    newTinyRun(folder, settings);
    const run = trainTiny(folder, settings, { stepsAhead: 1, evaluate: poisonWeights });
    await expect(run).rejects.toMatchObject({ kind: "numerics", message: expect.stringMatching(/^step 5: loss NaN/) });
    const listed = JSON.parse(readFileSync(join(folder, "not-finite.json"), "utf8"));
    expect(listed).toMatchObject({ step: 5, epoch: 1 });
    expect(checkpointNames(folder)[0]).toBe("step-0000004");
    expect(events(folder, "step").at(-1)!.step).toBe(5);
  });
});

describe("a loss that is not finite", () => {
  it("stops the step before the weights change", () => {
    const state = buildState(tinySettings({ precision: "fp32" }), tinyData());
    const parameters = namedParameters(state.network);
    const poisoned = [...parameters.values()].at(-1)!;
    poisoned.setData(poisoned.detach().mul(Number.NaN));
    const before = bytesOf(parameters);
    const pixels = new Uint8Array(8 * 3 * 16 * 16).map((_, i) => i % 251);
    const batch = {
      epoch: 0,
      step: 0,
      indices: new Uint32Array(8).map((_, i) => i),
      images: { pixels, channels: 3 as const, height: 16, width: 16 },
    };
    const error = refusalOf(() => trainStep(state, batch));
    expect(error.kind).toBe("numerics");
    expect(error.message).toMatch(/step 0: loss NaN, onDiagonal NaN, offDiagonal NaN/);
    expect(bytesOf(parameters)).toBe(before);
    expect(state.step).toBe(0);
    expect(state.optimizer.counters.updates).toBe(0);
  });

  it("ends the run with the names of the batch on disk and the last checkpoint intact", async () => {
    const settings = tinySettings({ checkpointEverySteps: 4, knnEveryEpochs: 1 });
    const folder = scratch.next();
    newTinyRun(folder, settings);
    const error = await trainTiny(folder, settings, { evaluate: poisonWeights }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(SelfsightError);
    const { kind, exitCode, message } = error as SelfsightError;
    expect([kind, exitCode]).toEqual(["numerics", 6]);
    expect(message).toMatch(/a finite loss is needed.*lower optimizer.learningRate.*noise\[\d+\].*not-finite\.json/s);
    const listed = JSON.parse(readFileSync(join(folder, "not-finite.json"), "utf8"));
    expect(listed).toMatchObject({ step: 5, epoch: 1 });
    expect(listed.samples).toHaveLength(8);
    expect(checkpointNames(folder)[0]).toBe("step-0000004");
    expect(readdirSync(folder).filter((name) => name.includes("lock"))).toEqual([]);
  });
});

/** Stands where kNN does, at the end of the first epoch of 5 steps. */
async function poisonWeights({ network }: TrainState) {
  const weight = [...namedParameters(network).values()].at(-1)!;
  weight.setData(weight.detach().mul(Number.POSITIVE_INFINITY));
  return [{ protocol: "poison", value: 0 }];
}

describe("weights that are not finite", () => {
  it("are never saved: the run ends and what was saved before stands", async () => {
    const settings = tinySettings({ checkpointEverySteps: 1, knnEveryEpochs: 1 });
    const folder = scratch.next();
    newTinyRun(folder, settings);
    const error = await trainTiny(folder, settings, { evaluate: poisonWeights }).catch(
      (thrown) => thrown as SelfsightError,
    );
    expect(error).toMatchObject({ kind: "numerics", message: expect.stringMatching(/saving step 5: the weights/) });
    expect(checkpointNames(folder)[0]).toBe("step-0000004");
  });
});

describe("the log of a run", () => {
  it("begins with everything that the run really uses", async () => {
    const { folder } = await wholeRun();
    expect(events(folder, "start")).toMatchObject([
      {
        event: "start",
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        step: 0,
        selfsight: expect.any(String),
        libtorch: expect.stringMatching(/^\d+\.\d+/),
        device: "cpu",
        precision: expect.stringMatching(/^(bf16|fp32)$/),
        threads: 1,
        peakLearningRate: { weights: 0.5 * (8 / 256), biases: 0.0048 * (8 / 256) },
        learningRateRule: "base rate 0.5 (biases 0.0048) x 8/256",
        warmupSteps: 1,
        warmupRule: "warmupShare 0.1 of the run, where warmupEpochs 1 would be 5 steps",
        stepsPerEpoch: 5,
        totalSteps: 12,
        images: 42,
        dataset: "noise",
        fingerprint: tinyData().fingerprint,
        parameters: expect.any(Number),
      },
    ]);
  });

  it("has each step once, in order, with the same numbers, however often the run was cut back", async () => {
    const settings = tinySettings({ checkpointEverySteps: 2, keepCheckpoints: 100 });
    const { folder } = await wholeRun(settings);
    const losses = events(folder, "step").map(({ loss }) => loss);
    for (const name of checkpointNames(folder).slice(0, 3))
      rmSync(join(folder, "checkpoints", name), { recursive: true });
    await trainTiny(folder, settings, { resumes: true });
    expect(events(folder, "step").map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(events(folder, "step").map(({ loss }) => loss)).toEqual(losses);
    expect(events(folder, "end")).toHaveLength(1);
  });

  it("says how long it warms up, and why that is shorter than asked", async () => {
    const { folder } = await wholeRun(tinySettings({ warmupEpochs: 3 }));
    const [start] = events(folder, "start");
    expect(start).toMatchObject({
      warmupSteps: 1,
      warmupRule: "warmupShare 0.1 of the run, where warmupEpochs 3 would be 15 steps",
    });
    const rates = events(folder, "step").map(({ learningRate }) => learningRate);
    expect(rates[0]).toBe(0);
    expect(rates[1]).toBe(start!.peakLearningRate.weights);
    const whole = await wholeRun(tinySettings({ warmupEpochs: 3, warmupShare: 1 }));
    expect(events(whole.folder, "start")).toMatchObject([
      { warmupSteps: 12, warmupRule: "warmupShare 1 of the run, where warmupEpochs 3 would be 15 steps" },
    ]);
  });

  it("warns when a resume computes on another machine", async () => {
    const settings = tinySettings({ steps: 2 });
    const { folder } = await wholeRun(settings);
    expect(events(folder, "warning")).toEqual([]);
    threads(2);
    await trainTiny(folder, settings, { resumes: true });
    threads(1);
    expect(events(folder, "warning").at(-1)!.message).toMatch(/^threads 1 -> 2: .*no longer with the bits/);
  });
});

it.each([null, 4])("logs where the time of its steps goes, in micro-batches of %s", async (microBatch) => {
  const { folder } = await wholeRun(tinySettings({ microBatch, steps: 6 }));
  const reports = events(folder, "step");
  expect(reports).toHaveLength(6);
  for (const { dataWaitShare, stepShares } of reports) {
    const { views, forward, loss, backward, update } = stepShares!;
    for (const share of [views, forward, loss, backward, update]) expect(share).toBeGreaterThan(0);
    expect(dataWaitShare + views + forward + loss + backward + update).toBeLessThan(1.01);
    expect(forward + backward).toBeGreaterThan(loss + update);
  }
});

it("refuses a folder that is no run's, and says how one is made", async () => {
  const folder = scratch.next();
  for (const make of [() => {}, () => void mkdirSync(folder)]) {
    make();
    await expect(trainTiny(folder, tinySettings())).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^train: .* holds no run\.json; .*make it with startRun/),
    });
  }
  expect(readdirSync(folder)).toEqual([]);
});

it("keeps the last checkpoints and every one that it does not know", async () => {
  const settings = tinySettings({ checkpointEverySteps: 1, keepCheckpoints: 2, steps: 6 });
  const { folder, bits } = await wholeRun(settings);
  expect(checkpointNames(folder)).toEqual(["step-0000006", "step-0000005"]);
  rmSync(join(folder, "checkpoints", "step-0000006", "model.safetensors"));
  await trainTiny(folder, settings, { resumes: true });
  expect(checkpointNames(folder)).toEqual(["step-0000006", "step-0000005"]);
  expect(bitsOf(folder)).toBe(bits);
});

it("holds the same number of tensors after 300 steps as after 20, and none when it is over", async () => {
  const settings = tinySettings({ steps: 300, watchEverySteps: 7, checkpointEverySteps: 50 });
  const before = liveTensors().live;
  const folder = scratch.next();
  newTinyRun(folder, settings);
  const counts: number[] = [];
  const resident: number[] = [];
  await trainTiny(folder, settings, {
    onEvent: (event) => {
      if (event.event !== "step") return;
      counts.push(liveTensors().live);
      resident.push(process.memoryUsage.rss());
    },
  });
  expect(new Set(counts.slice(20)).size).toBe(1);
  expect(liveTensors().live).toBe(before);
  expect(resident.at(-1)! - resident[100]!).toBeLessThan(16 * 2 ** 20);
}, 240_000);

const bytesOf = (tensors: ReturnType<typeof stateOf>): string =>
  Array.from(tensors.values(), (tensor) => Buffer.from(tensor.data().buffer).toString("base64")).join();

function refusalOf(body: () => unknown): SelfsightError {
  try {
    body();
  } catch (error) {
    if (error instanceof SelfsightError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

it("logs what the watch saw with the next step that is logged", async () => {
  const { folder } = await wholeRun(tinySettings({ logEverySteps: 3, watchEverySteps: 4 })); // looks at steps 1, 5 and 9
  const seen = events(folder, "step").filter(({ featureStd }) => featureStd !== undefined);
  expect(seen.map(({ step }) => step)).toEqual([3, 6, 9]);
});

it("forgets which pictures were bad when the pictures are others", async () => {
  const settings = tinySettings({ steps: 6 });
  const folder = scratch.next();
  newTinyRun(folder, settings);
  await trainTiny(folder, settings, { isStopping: stopAfter(3) });
  const quarantined = async (dataset: ReturnType<typeof tinyData>) => {
    const checkpoint = loadNewestCheckpoint(folder, () => {});
    checkpoint.state.quarantine = [0, 5];
    const copy = scratch.copyOf(folder);
    await trainTiny(copy, settings, { dataset, checkpoint });
    return loadNewestCheckpoint(copy, () => {}).state.quarantine;
  };
  expect(await quarantined(tinyData())).toEqual([0, 5]);
  expect(await quarantined(tinyData(2))).toEqual([]);
});

it("refuses a checkpoint of other settings, before anything is changed", async () => {
  const { folder, settings, bits } = await wholeRun(tinySettings({ steps: 2 }));
  const other = { ...settings, seed: 1 };
  await expect(trainTiny(folder, other, { resumes: true })).rejects.toMatchObject({
    kind: "checkpoint",
    message: expect.stringMatching(/step-0000002 was saved under other settings .*run\.json.*restore those two files/),
  });
  expect(bitsOf(folder)).toBe(bits);
});

it("refuses a checkpoint whose optimizer is another's", async () => {
  const { folder, settings } = await wholeRun(tinySettings({ steps: 2 }));
  const checkpoint = loadNewestCheckpoint(folder, () => {});
  const [first] = checkpoint.optimizer.tensors.keys();
  checkpoint.optimizer.tensors.delete(first!);
  await expect(trainTiny(scratch.copyOf(folder), settings, { checkpoint })).rejects.toThrow(/momentum\..* is missing/);
});
