import { expect, it } from "vitest";
import { killAndResume } from "./kill-and-resume.mjs";
import { canSweep, sweep } from "./save-sweep.mjs";

it("ends with the same bits after four kills, two of them inside a save", async () => {
  const result = await killAndResume({ kills: 4 });
  expect(result).toMatchObject({ kills: 4, unequal: 0, failures: [] });
  expect(result.equal).toBe(result.runs);
}, 120_000);

it.skipIf(!canSweep())(
  "loads a whole checkpoint after a kill at any rename, mkdir or rmdir of a save (needs strace)",
  () => {
    const result = sweep({ calls: ["rename", "mkdir", "rmdir"] });
    expect(result).toMatchObject({ points: expect.any(Number), badLoads: [], badErrors: [] });
    expect(result.points).toBeGreaterThanOrEqual(4);
  },
);

it.skipIf(!canSweep())(
  "is a sweep that finds a planted fault: an old checkpoint removed before the new one (needs strace)",
  () => {
    expect(sweep({ twin: true, calls: ["rename"] }).badLoads).toHaveLength(1);
  },
);
