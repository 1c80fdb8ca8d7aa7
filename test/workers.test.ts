import { Worker } from "node:worker_threads";
import { afterAll, expect, test } from "vitest";
import { readCurrentBuild } from "../setup/current.mjs";
import { addon } from "../src/torch/addon.ts";
import { liveTensors, ones, scope } from "../src/torch/index.ts";

const here = ones([3]);
const total = () => scope(() => here.sum().item());
afterAll(() => {
  here.free();
  expect(liveTensors().live).toBe(0);
});

interface Outcome {
  loss: number;
  live: number;
  handle: number;
  knowsForeign: boolean;
}

function start(steps: number, seed: number): Worker {
  const addonPath = readCurrentBuild()?.addonPath;
  return new Worker(new URL("./worker-job.mjs", import.meta.url), {
    workerData: { addonPath, steps, seed, foreign: here.handle },
  });
}

/** Runs a thread to its end. */
function outcomeOf(worker: Worker): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let outcome: Outcome | undefined;
    worker.on("message", (message: Outcome | "started") => {
      if (message !== "started") outcome = message;
    });
    worker.on("error", reject);
    worker.on("exit", () => (outcome ? resolve(outcome) : reject(new Error("the thread ended without a word"))));
  });
}

test("8 threads one after another compute the same, and 4 at once do not disturb each other", async () => {
  const successive: number[] = [];
  for (let i = 0; i < 8; i++) successive.push((await outcomeOf(start(3, 1))).loss);
  const concurrent = await Promise.all([0, 1, 2, 3].map(() => outcomeOf(start(300, 1))));
  expect(new Set(successive).size).toBe(1);
  expect(successive[0]).toBeGreaterThan(0);
  for (const { loss, live } of concurrent) {
    expect(live).toBe(3);
    expect(loss).toBeLessThan(successive[0]!);
  }
});

test("a handle of another thread is refused, not mistaken", async () => {
  const outcomes = await Promise.all([outcomeOf(start(1, 1)), outcomeOf(start(1, 2))]);
  for (const { handle, knowsForeign } of outcomes) {
    expect(knowsForeign).toBe(false);
    expect(addon().isAlive(handle)).toBe(false);
    expect(() => addon().describe(handle)).toThrow("not alive");
  }
  expect(outcomes[0]!.handle).not.toBe(outcomes[1]!.handle);
  expect(total()).toBe(3);
});

test("a thread that is stopped in the middle of its work leaves the process alive", async () => {
  for (let i = 0; i < 8; i++) {
    const worker = start(10_000_000, i);
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    expect(await worker.terminate()).toBe(1);
  }
  expect(total()).toBe(3);
});
