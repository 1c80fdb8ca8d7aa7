import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const run = (seed: number, rounds: number) =>
  spawnSync(process.execPath, ["--import", "jiti/register", "test/addon-fuzz.ts", String(seed), String(rounds)], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });

test("no call of the addon with wrong values ends the process", () => {
  const { status, signal, stdout, stderr } = run(20261124, 8);
  const lastCall = stderr.trimEnd().split("\n").slice(-3).join("\n");
  expect({ status, signal, lastCall }).toEqual({ status: 0, signal: null, lastCall: expect.any(String) });
  const { calls, refusals } = JSON.parse(stdout) as { calls: number; refusals: number };
  expect(calls).toBeGreaterThan(1000);
  expect(refusals).toBeGreaterThan(calls / 4); // most values are wrong indeed
});
