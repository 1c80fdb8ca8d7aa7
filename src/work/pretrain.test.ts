import { afterAll, expect, test } from "vitest";
import { scratchFolder, tinySettings } from "../../test/tiny-run.ts";
import { openDataset } from "../data/index.ts";
import { methods } from "../methods/index.ts";
import { goOnWithRun, type RunSettings, readRun, startRun } from "../train/index.ts";
import { pretrain, resume, trainRun } from "./pretrain.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const quiet = { warn: () => {}, say: () => {} };
const started = { command: "test", warn: () => {} };

test("a dataset that a program limited is opened again by what run.json says, to the bit", async () => {
  const out = scratch.next();
  const dataset = await openDataset("shapes", { limit: 40 });
  const stopping = new AbortController();
  const run = await startRun(dataset, [tinySettings()], { ...started, out });
  expect(readRun(out)).toMatchObject({ data: "shapes", images: 40, settings: { limit: 40 } });
  const onEvent = ({ event, step }: { event: string; step: number }) => {
    if (event === "step" && step === 3) stopping.abort();
  };
  expect(await trainRun(run, { signal: stopping.signal, onEvent })).toMatchObject({ reason: "stopped", step: 3 });
  const again = await goOnWithRun(out, [], quiet);
  expect([again.dataset.fingerprint, again.checkpoint?.state.step]).toEqual([dataset.fingerprint, 3]);
  expect(await trainRun(again)).toMatchObject({ reason: "complete", step: 12 });
});

test("pretrain makes a run and says where; stopped by its signal, resume ends with it", async () => {
  const out = scratch.next();
  const stopping = new AbortController();
  const onEvent = ({ event, step }: { event: string; step: number }) => {
    if (event === "step" && step === 3) stopping.abort();
  };
  const options = { out, recipe: { ...tinySettings(), epochs: null } };
  const stopped = await pretrain("shapes", { limit: 40 }, { ...options, signal: stopping.signal, onEvent });
  expect(stopped).toEqual({ folder: out, reason: "stopped", step: 3, totalSteps: 12, leftOut: [] });
  expect(await resume(out)).toEqual({ folder: out, reason: "complete", step: 12, totalSteps: 12, leftOut: [] });
  await expect(pretrain("shapes", {}, options)).rejects.toMatchObject({ message: /holds a run already/ });
});

test("both epochs and steps are refused, as by the command", async () => {
  // @ts-expect-error the types refuse it too
  const wanted: RunSettings = { epochs: 5, steps: 10 };
  await expect(pretrain("shapes", wanted, { out: scratch.next() })).rejects.toMatchObject({
    kind: "configuration",
    message: /epochs 5 and steps 10/,
  });
});

test("a recipe that is not there and a method of one's own under our name are refused", async () => {
  const out = scratch.next();
  // @ts-expect-error the types refuse it too
  await expect(pretrain("shapes", {}, { out, recipe: "cifar" })).rejects.toMatchObject({
    kind: "configuration",
    message: /cifar is no recipe; cifar10, .*Did you mean cifar10\?/,
  });
  const method = { ...methods.vicreg, name: "simclr" };
  await expect(pretrain("shapes", { method }, { out })).rejects.toMatchObject({
    message: /method simclr: Selfsight has/,
  });
});

test("the setting limit limits an open dataset as it does a name", async () => {
  const whole = await openDataset("shapes");
  const run = await startRun(whole, [tinySettings({ limit: 40 })], { ...started, out: scratch.next() });
  expect(run.dataset.fingerprint).toBe((await openDataset("shapes", { limit: 40 })).fingerprint);
});

test("two limits that differ are refused before a folder is made", async () => {
  const dataset = await openDataset("shapes", { limit: 40 });
  await expect(startRun(dataset, [tinySettings({ limit: 30 })], started)).rejects.toMatchObject({
    kind: "configuration",
    message: /limit is 30.*the limit 40/,
  });
});
