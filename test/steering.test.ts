// Steering as a person has it: two terminals, one in which a run trains and one in which it is steered.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { loadNewestCheckpoint, logPath, readLog, readRun } from "../src/train/index.ts";
import { scratchFolder } from "./tiny-run.ts";

const selfsight = join(fileURLToPath(new URL("..", import.meta.url)), "bin/selfsight.mjs");
const scratch = scratchFolder();
afterAll(scratch.remove);

const run = (...words: string[]) => spawnSync(process.execPath, [selfsight, ...words], { encoding: "utf8" });
const tiny = ["--size", "16", "--batch", "8", "--set", "width=4", "--set", "projector=16-16", "--set", "limit=64"];
const quick = ["--set", "knnEveryEpochs=0", "--set", "logEverySteps=5"];

/** Starts a run, and waits until it has learned something. */
async function started(folder: string, ...more: string[]) {
  const words = [selfsight, "pretrain", "shapes", ...tiny, ...quick, "--steps", "100000", "--out", folder, ...more];
  const child = spawn(process.execPath, words, { stdio: "ignore", env: { ...process.env, OMP_NUM_THREADS: "1" } });
  const ended = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
  const hasLearned = () => existsSync(logPath(folder)) && readLog(folder).some(({ event }) => event === "step");
  while (!hasLearned() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50));
  return { ended };
}

it("a run is changed, refused, stopped, read about and forked from the command line", {
  timeout: 480_000,
}, async () => {
  const folder = scratch.next();
  const { ended } = await started(folder);
  const changed = run("steer", folder, "--set", "lambda=0.02", "--set", "views.*.flip=0", "--wait", "300");
  expect(changed.stdout).toMatch(/from step \d+ on: .*lambda 0.0051 -> 0.02/);
  const refused = run("steer", folder, "--set", "batchSize=16", "--wait", "300", "--json");
  expect(refused.status).toBe(2);
  expect(refused.stderr).toMatch(/batchSize 8 -> 16; while a run trains it stays.*--from RUN@STEP --set batchSize=16/);
  expect(run("steer", folder, "--stop", "--wait", "300").stdout).toMatch(/asked to stop after step \d+/);
  expect(await ended).toBe(143);

  const { acts } = JSON.parse(run("log", folder, "--acts", "--json").stdout) as {
    acts: { act: string; via: string }[];
  };
  expect(acts.map(({ act, via }) => [act, via])).toEqual([
    ["set", "command"],
    ["refused", "command"],
    ["stop", "command"],
  ]);
  expect(run("runs", folder).stdout).toContain("settings changed once while it trained");
  expect(run("steer", folder, "--save").stderr).toMatch(/nobody trains in .*--resume/);
  expect(run("steer", folder).stderr).toContain("nothing was asked for");

  const { step } = loadNewestCheckpoint(folder, () => {}).state;
  const fork = scratch.next();
  const steps = String(step + 3);
  const forked = run("pretrain", "--from", `${folder}@newest`, "--set", "lambda=0.03", "--steps", steps, "--out", fork);
  expect([forked.status, forked.stderr]).toEqual([0, expect.stringContaining("optimizer kept; steps count on")]);
  expect(readRun(fork).from?.fork?.changes).toContainEqual({ key: "lambda", from: 0.02, to: 0.03 });
  expect(run("runs", fork).stdout).toContain(`forked from ${folder}@${step}`);
});

it("a run of two processes is changed and stopped from another terminal, and one process goes on with it", {
  timeout: 480_000,
}, async () => {
  const folder = scratch.next();
  const { ended } = await started(folder, "--processes", "2", "--deadline", "60");
  const changed = run("steer", folder, "--set", "lambda=0.02", "--wait", "300");
  expect(changed.stdout).toMatch(/from step \d+ on: .*lambda 0.0051 -> 0.02/);
  expect(run("steer", folder, "--stop", "--wait", "300").stdout).toMatch(/asked to stop after step \d+/);
  expect(await ended).toBe(143);
  const { step } = loadNewestCheckpoint(folder, () => {}).state;
  const fork = scratch.next();
  const on = run("pretrain", "--from", `${folder}@newest`, "--steps", String(step + 2), "--out", fork);
  expect([on.status, readRun(fork).settings.lambda]).toEqual([0, 0.02]);
});
