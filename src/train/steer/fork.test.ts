import { existsSync, readFileSync } from "node:fs";
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
import { threads } from "../../torch/index.ts";
import { loadNewestCheckpoint } from "../run/checkpoint.ts";
import { readRun } from "../run/folder.ts";
import { goOnWithRun } from "../run/go-on.ts";
import { type LogEvent, readLog } from "../run/log.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { train } from "../trainer.ts";
import { readChanges } from "./changes.ts";
import { forkPointFrom, forkRun } from "./fork.ts";
import { replayRun } from "./replay.ts";
import { askOfRun } from "./request.ts";

const scratch = scratchFolder();
const quiet = { command: "test", warn: () => {}, say: () => {} };
const every = { checkpointEverySteps: 1, keepCheckpoints: 100 };
const settings = tinySettings(every);
let parent = "";
let steered = "";

async function trained(wishes: Record<number, Record<string, number>> = {}, own = settings) {
  const folder = scratch.next();
  newTinyRun(folder, own);
  const onEvent = ({ event, step }: LogEvent) => {
    const asked = event === "step" ? wishes[step] : undefined;
    if (asked) askOfRun(folder, { act: "set", settings: asked });
  };
  await trainTiny(folder, own, { onEvent, controlEveryMilliseconds: 0 });
  return folder;
}

beforeAll(async () => {
  threads(1);
  parent = await trained();
  steered = await trained({ 3: { "optimizer.learningRate": 0.1 }, 7: { lambda: 0.02 } });
});
afterAll(scratch.remove);

async function forked(folder: string, step: number | null, layer: PartialSettings = {}, data = tinyData()) {
  const out = scratch.next();
  const run = await forkRun({ folder, step }, data, [layer], { ...quiet, out });
  return { run, out, ...readRun(out).from!.fork! };
}

describe("a fork", () => {
  it("without changes ends in the bits of its parent: everything is kept", async () => {
    const { run, out, keepsStep, optimizer, changes } = await forked(parent, 4);
    expect({ keepsStep, optimizer, changes }).toEqual({ keepsStep: true, optimizer: "kept", changes: [] });
    expect(readRun(out).from).toMatchObject({ source: parent, step: 4, taken: ["backbone", "projector"], fresh: [] });
    await train(run);
    expect(bitsOf(out)).toBe(bitsOf(parent));
    expect(readLog(out).find(({ event }) => event === "start")).toMatchObject({ step: 4 });
  });

  it("with a change ends in the bits of a run that was steered so at that step", async () => {
    const { run, out, changes } = await forked(parent, 3, { optimizer: { learningRate: 0.1 } });
    expect(changes).toEqual([{ key: "optimizer.learningRate", from: 0.5, to: 0.1 }]);
    await train({ ...run, isStopping: stopAfter(2) });
    const goOn = await goOnWithRun(out, [{}], { ...quiet, data: tinyData() });
    await train(goOn);
    const asked = await trained({ 3: { "optimizer.learningRate": 0.1 } });
    expect(bitsOf(out)).toBe(bitsOf(asked));
  });

  it("begins with the settings that its parent had at that step", async () => {
    expect((await forked(steered, 5)).run.settings).toMatchObject({ optimizer: { learningRate: 0.1 }, lambda: 0.0051 });
    expect((await forked(steered, null, { steps: 20 })).run.settings).toMatchObject({ lambda: 0.02 });
  }, 30_000);

  it("counts from 0 where the order of pictures is another one, and keeps weights and momenta", async () => {
    const { run, keepsStep, optimizer } = await forked(parent, 4, { batchSize: 16 });
    expect({ keepsStep, optimizer, step: run.checkpoint!.state.step }).toEqual({
      keepsStep: false,
      optimizer: "kept",
      step: 0,
    });
    expect((await forked(parent, 4, { seed: 9 })).keepsStep).toBe(false);
    expect((await forked(parent, 4, {}, tinyData(2))).keepsStep).toBe(false);
  });

  it("draws what has another shape anew, with its momenta", async () => {
    const { out, optimizer } = await forked(parent, 4, { projector: "8-8" });
    expect(optimizer).toBe("kept in part");
    expect(readRun(out).from).toMatchObject({ taken: ["backbone"], fresh: ["projector"] });
    const state = loadNewestCheckpoint(out, () => {}).optimizer.tensors;
    const isZero = (name: string) =>
      [...new Float32Array(Uint8Array.from(state.get(name)!.bytes).buffer)].every((v) => v === 0);
    expect(isZero("momentum.backbone.conv1.weight")).toBe(false);
    expect(isZero("momentum.projector.0.weight")).toBe(true);
    expect((await forked(parent, 4, { optimizer: { name: "adamw" } })).optimizer).toBe("new");
  });

  it.each([
    [{ method: "byol" }, 4, /a fork keeps its method.*without @STEP/],
    [{ width: 8 }, 4, /width 4 there, 8 here/],
    [{ steps: 4 }, 4, /nothing left to do/],
    [{}, 99, /no checkpoint of step 99 .*there are those of step 1, 2, 3/],
    [{ lamda: 1 }, 4, /Did you mean lambda/],
  ] as [PartialSettings, number, RegExp][])("with %j at %i is refused", async (layer, step, message) => {
    const out = scratch.next();
    await expect(forkRun({ folder: parent, step }, tinyData(), [layer], { ...quiet, out })).rejects.toThrow(message);
    expect(existsSync(join(out, "run.json"))).toBe(false);
  });

  it("is named by RUN@STEP, which is a path where there is one", () => {
    expect(forkPointFrom("runs/a@12")).toEqual({ folder: "runs/a", step: 12 });
    expect(forkPointFrom("a@b@newest")).toEqual({ folder: "a@b", step: null });
    expect([forkPointFrom("runs/a"), forkPointFrom("a@x"), forkPointFrom("@5")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("a replay", () => {
  const replayed = (folder: string, data = tinyData(), layer: PartialSettings = {}, out = scratch.next()) =>
    replayRun(folder, data, [layer], { ...quiet, out });

  it("of a steered run ends in its bits, with the same acts in its log", async () => {
    const run = await replayed(steered);
    await train(run);
    expect(bitsOf(run.folder)).toBe(bitsOf(steered));
    const acts = (folder: string) =>
      readLog(folder).flatMap((event) => (event.event === "act" ? [[event.step, event.request, event.changes]] : []));
    expect(acts(run.folder)).toEqual(acts(steered));
    expect(readChanges(run.folder).map(({ via }) => via)).toEqual(["replay", "replay"]);
    expect(readFileSync(join(run.folder, "changes.jsonl"), "utf8")).toContain("replay");
  });

  it("of a fork begins with what the fork began with", async () => {
    const { run, out } = await forked(steered, 5, { lambda: 0.01 });
    await train(run);
    const again = await replayed(out);
    await train(again);
    expect(bitsOf(again.folder)).toBe(bitsOf(out));
  });

  it("of other pictures, other settings, or a run of two lengths is refused", async () => {
    await expect(replayed(steered, tinyData(2))).rejects.toThrow(/are not those of the run/);
    await expect(replayed(steered, tinyData(), { lambda: 0.1 })).rejects.toThrow(/lambda 0.0051 -> 0.1/);
    const longer = scratch.copyOf(parent);
    await goOnWithRun(longer, [{ steps: 20 }], { ...quiet, data: tinyData() });
    await expect(replayed(longer)).rejects.toThrow(/another length at step 12/);
  });
});
