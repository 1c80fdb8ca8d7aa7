import { existsSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newTinyRun, scratchFolder, stopAfter, tinySettings, trainTiny } from "../../../test/tiny-run.ts";
import { lockRunFolder, silenceOfTheDeadMs } from "./lock.ts";
import { ownOwner } from "./lock-owner.ts";
import { prunableCheckpoints, pruneRun, runFoldersBelow, surveyRun } from "./survey.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);
const settings = tinySettings({ checkpointEverySteps: 4, keepCheckpoints: 3 });

const finished = scratch.next();
const stopped = scratch.next();
beforeAll(async () => {
  newTinyRun(finished, settings);
  await trainTiny(finished, settings, { evaluate: async () => [{ protocol: "knn", value: 0.5 }] });
  newTinyRun(stopped, settings);
  await trainTiny(stopped, settings, { isStopping: stopAfter(10) });
});

const checkpointsOf = (folder: string) => readdirSync(join(folder, "checkpoints")).sort();

describe("a run seen from outside", () => {
  it("is finished when its last step is saved", () => {
    const found = surveyRun(finished);
    expect(found).toMatchObject({ state: "finished", method: "barlow-twins", data: "noise", step: 12, totalSteps: 12 });
    expect(found).toMatchObject({ owner: null, problem: null });
    const sizes = readdirSync(finished, { recursive: true, encoding: "utf8" }).map((name) => join(finished, name));
    const files = sizes.map((path) => statSync(path)).filter((stats) => stats.isFile());
    expect(found.bytes).toBe(files.reduce((sum, { size }) => sum + size, 0));
    expect(Date.now() - found.changed.getTime()).toBeLessThan(600_000);
  });

  it("is stopped at the step that is saved, and before its first save at 0", () => {
    expect(surveyRun(stopped)).toMatchObject({ state: "stopped", step: 10, totalSteps: 12, knn: null });
    const fresh = scratch.next();
    newTinyRun(fresh, settings);
    expect(surveyRun(fresh)).toMatchObject({ state: "stopped", step: 0, totalSteps: null });
  });

  it("trains while a process holds its lock, and says who", () => {
    const folder = scratch.copyOf(stopped);
    const unlock = lockRunFolder(folder);
    expect(surveyRun(folder)).toMatchObject({ state: "training", step: 10, owner: { pid: process.pid } });
    unlock();
    expect(surveyRun(folder)).toMatchObject({ state: "stopped", owner: null });
  });

  it("is not held up by the lock of a process that is gone", () => {
    const folder = scratch.copyOf(stopped);
    const lock = join(folder, "lock");
    writeFileSync(lock, JSON.stringify(ownOwner()));
    expect(surveyRun(folder).state).toBe("stopped"); // of this machine: nobody holds it
    writeFileSync(lock, JSON.stringify({ ...ownOwner(), boot: "another", host: "elsewhere" }));
    expect(surveyRun(folder)).toMatchObject({ state: "training", owner: { host: "elsewhere" } }); // a sign of life just now
    const before = new Date(Date.now() - silenceOfTheDeadMs - 1000);
    utimesSync(lock, before, before);
    expect(surveyRun(folder).state).toBe("stopped");
  });

  it("is damaged without a whole checkpoint where there was one, and without a sound run.json", () => {
    const folder = scratch.copyOf(stopped);
    for (const name of checkpointsOf(folder)) truncateSync(join(folder, "checkpoints", name, "model.safetensors"), 100);
    expect(surveyRun(folder)).toMatchObject({ state: "damaged", problem: "no whole checkpoint" });
    writeFileSync(join(folder, "run.json"), "{}");
    expect(surveyRun(folder)).toMatchObject({ state: "damaged", method: null });
    expect(surveyRun(folder).problem).toContain("run.json is damaged");
  });
});

describe("what of a run may go", () => {
  it("is what is older than the newest whole checkpoint of a finished run", () => {
    expect(checkpointsOf(finished)).toEqual(["step-0000004", "step-0000008", "step-0000012"]);
    const folder = scratch.copyOf(finished);
    const older = ["step-0000008", "step-0000004"].map((name) => join(folder, "checkpoints", name));
    const planned = prunableCheckpoints(surveyRun(folder));
    expect(planned).toEqual({ folder, checkpoints: older, bytes: expect.any(Number) });
    expect(existsSync(older[0]!)).toBe(true);
    expect(pruneRun(folder)).toEqual(planned);
    expect(checkpointsOf(folder)).toEqual(["step-0000012"]);
    expect(surveyRun(folder).state).toBe("finished");
    expect(existsSync(join(folder, "lock"))).toBe(false);
  });

  it("is never the last whole one, though a newer one has the right sizes", () => {
    const folder = scratch.copyOf(finished);
    const model = join(folder, "checkpoints", "step-0000012", "model.safetensors");
    writeFileSync(model, Buffer.alloc(statSync(model).size));
    expect(prunableCheckpoints(surveyRun(folder)).checkpoints).toEqual([join(folder, "checkpoints", "step-0000004")]);
    for (const name of checkpointsOf(folder)) rmSync(join(folder, "checkpoints", name, "state.json"));
    expect(prunableCheckpoints({ folder, state: "finished" }).checkpoints).toEqual([]);
  });

  it("is nothing of runs that are not finished, and a run that trains again is refused", () => {
    expect(prunableCheckpoints(surveyRun(stopped)).checkpoints).toEqual([]);
    const folder = scratch.copyOf(finished);
    const unlock = lockRunFolder(folder);
    expect(prunableCheckpoints(surveyRun(folder)).checkpoints).toEqual([]);
    expect(() => pruneRun(folder)).toThrow(/has been training since/);
    unlock();
    expect(checkpointsOf(folder)).toHaveLength(3);
  });
});

it("runs are found below a folder, not inside of runs or hidden folders", () => {
  const root = scratch.next();
  for (const path of ["a/b", ".hidden/c", "d/checkpoints/e", "f/g/h/i/j"])
    mkdirSync(join(root, path), { recursive: true });
  for (const path of ["a/b", ".hidden/c", "d", "d/checkpoints/e", "f/g/h/i/j"])
    writeFileSync(join(root, path, "run.json"), "{}");
  expect(runFoldersBelow(root)).toEqual([join(root, "a/b"), join(root, "d")]);
  expect(runFoldersBelow(join(root, "d"))).toEqual([join(root, "d")]);
});
