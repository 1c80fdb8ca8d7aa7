// 42 pictures, 5 steps an epoch: the run has 12 steps, then 20.
import { rmSync, truncateSync } from "node:fs";
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
} from "../../../test/tiny-run.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { train } from "../trainer.ts";
import { readRun } from "./folder.ts";
import { goOnWithRun } from "./go-on.ts";
import { type LogEvent, readLog } from "./log.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const finished = scratch.next();
beforeAll(async () => {
  newTinyRun(finished, tinySettings({ checkpointEverySteps: 8 }));
  await trainTiny(finished, tinySettings({ checkpointEverySteps: 8 }));
});

const warnings: string[] = [];
const goOn = (folder: string, layer: PartialSettings = {}) =>
  goOnWithRun(folder, [layer], { data: tinyData(), warn: (line) => warnings.push(line), say: () => {} });

const ratesOf = (folder: string, from: number) =>
  readLog(folder).flatMap((event) => (event.event === "step" && event.step > from ? [event.learningRate] : []));
const extensionsIn = (folder: string) =>
  readLog(folder).filter((event): event is Extract<LogEvent, { event: "extension" }> => event.event === "extension");

describe("a finished run that is extended", () => {
  it("follows from its present step the schedule of a run planned so long, and says it", async () => {
    const folder = scratch.copyOf(finished);
    const run = await goOn(folder, { steps: 20 });
    expect(readRun(folder)).toMatchObject({
      settings: { steps: 20 },
      extensions: [{ step: 12, steps: 12, epochs: 100, time: expect.stringMatching(/^20\d\d-/) }],
    });
    expect(await train(run)).toEqual({ reason: "complete", step: 20, totalSteps: 20, leftOut: [] });
    const planned = scratch.next();
    newTinyRun(planned, tinySettings({ steps: 20 }));
    await trainTiny(planned, tinySettings({ steps: 20 }));
    const rates = ratesOf(planned, 12);
    expect(ratesOf(folder, 12)).toEqual(rates);
    expect(rates).toHaveLength(8);
    expect(extensionsIn(folder)).toEqual([
      {
        event: "extension",
        step: 12,
        fromSteps: 12,
        toSteps: 20,
        learningRate: rates[0],
        rateBefore: (0.001 * 0.5 * 8) / 256,
      },
    ]);
  });

  it("ends with the same bits when it is interrupted behind the extension, and before its first save there", async () => {
    const [whole, broken] = [scratch.copyOf(finished), scratch.copyOf(finished)];
    await train(await goOn(whole, { steps: 20 }));
    await goOn(broken, { epochs: 4 }); // and killed before a step was made
    await train({ ...(await goOn(broken)), isStopping: stopAfter(3) });
    await train(await goOn(broken));
    expect(bitsOf(broken)).toBe(bitsOf(whole));
    expect(readRun(broken).settings).toMatchObject({ epochs: 4, steps: null });
    expect(extensionsIn(broken)).toEqual([]); // it was killed before it could say so; run.json has it
    expect(readRun(broken).extensions).toHaveLength(1);
  });

  it("may be extended again, and from checkpoints of every length that it had", async () => {
    const folder = scratch.copyOf(finished);
    await train({ ...(await goOn(folder, { steps: 14 })), isStopping: stopAfter(1) });
    await goOn(folder, { steps: 16 });
    rmSync(join(folder, "checkpoints", "step-0000013"), { recursive: true });
    expect((await train(await goOn(folder))).step).toBe(16);
    expect(warnings.at(-1)).toMatch(
      /extended at step 13, and its newest whole checkpoint is of step 12: the steps between/,
    );
    expect(readRun(folder).extensions!.map(({ step, steps }) => [step, steps])).toEqual([
      [12, 12],
      [13, 14],
    ]);
  });

  it("says when a damaged checkpoint has steps done again by the new schedule", async () => {
    const folder = scratch.copyOf(finished);
    await goOn(folder, { steps: 20 });
    truncateSync(join(folder, "checkpoints", "step-0000012", "model.safetensors"), 10);
    await goOn(folder);
    expect(warnings.at(-1)).toContain("is of step 8: the steps between are done again by the new schedule");
  });
});

describe("a length", () => {
  it("below what is done is refused, and run.json stays as it was", async () => {
    const before = readRun(finished);
    await expect(goOn(finished, { steps: 11 })).rejects.toThrow(
      /resume: 11 steps are asked for, and 12 are done; as many or more are needed/,
    );
    await expect(goOn(finished, { epochs: 2 })).rejects.toThrow(/2 epochs make 10 steps, and 12 are done/);
    expect(readRun(finished)).toEqual(before);
  });

  it("that is the present one changes nothing", async () => {
    const run = await goOn(finished, { steps: 12 });
    expect(run.extendedFrom).toBeUndefined();
    expect(readRun(finished).extensions).toBeUndefined();
  });

  it("between is that of a run that stopped on the way", async () => {
    const folder = scratch.next();
    newTinyRun(folder, tinySettings());
    await trainTiny(folder, tinySettings(), { isStopping: stopAfter(4) });
    expect((await train(await goOn(folder, { steps: 6 }))).step).toBe(6);
    expect(ratesOf(folder, 5)[0]).toBeLessThan(ratesOf(finished, 5)[0]!);
  });

  it("comes with no other change", async () => {
    await expect(goOn(finished, { steps: 20, batchSize: 4 })).rejects.toThrow(
      /batchSize 8 -> 4; .* and its length \(epochs, steps\) may change/,
    );
  });
});
