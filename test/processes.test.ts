// Several processes as one: W of them take the very step of one process on the whole batch, in loss, gradient and statistics.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PartialSettings } from "../src/train/index.ts";
import { difference, lengthOf as length, resultsOfMembers } from "./process-jobs.ts";
import type { ProcessCase, ProcessResult } from "./process-member.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-processes-"));
afterAll(() => rmSync(folder, { recursive: true }));

const small = { projector: "16-8" };
const cases: ProcessCase[] = [
  { name: "Barlow Twins", settings: { method: "barlow-twins", projector: "16-16" } },
  { name: "Barlow Twins, even parts", settings: { method: "barlow-twins", projector: "16-16", batchSize: 12 } },
  {
    name: "Barlow Twins, mixed views",
    settings: { method: "barlow-twins", projector: "16-16", mixing: 4, batchSize: 24 },
  },
  { name: "SimCLR", settings: { method: "simclr", ...small } },
  { name: "VICReg", settings: { method: "vicreg", projector: "16-16" } },
  { name: "BYOL", settings: { method: "byol", ...small, predictor: "16" } },
  { name: "SimSiam", settings: { method: "simsiam", ...small } },
  { name: "SwAV", settings: { method: "swav", ...small, prototypes: 6, freezePrototypesEpochs: 0 } },
  {
    name: "MoCo v2, batch norm in 4 groups",
    settings: { method: "moco-v2", ...small, queueLength: 32, batchNormGroups: 4 },
  },
  { name: "MoCo v2, whole batch norm", settings: { method: "moco-v2", ...small, queueLength: 32, batchNormGroups: 1 } },
  { name: "supervised", settings: { method: "supervised" } },
  {
    name: "a vision transformer",
    settings: { method: "simclr", ...small, backbone: "vit-tiny", stem: "patch-4", width: 12 },
  },
];
/** Parts of every number of processes below. A ReLU that rounding flips is a jump in the gradient; a transformer has none. */
const cut: PartialSettings = { batchSize: 24, microBatch: 12 };
const smooth: PartialSettings = { ...small, backbone: "vit-tiny", stem: "patch-4", width: 12 };
const inParts: ProcessCase[] = [
  { name: "Barlow Twins in micro-batches", settings: { method: "barlow-twins", projector: "16-16", ...cut } },
  { name: "SimCLR in micro-batches", settings: { method: "simclr", ...smooth, ...cut } },
  { name: "SwAV in micro-batches", settings: { method: "swav", ...smooth, prototypes: 6, ...cut } },
];
/** Where order means nothing but rounding. */
const reversible = cases.filter(({ name }) => !name.includes("groups"));

/** Runs the cases in so many processes; one is alone. */
const resultsOf = (asked: readonly ProcessCase[], size: number) =>
  resultsOfMembers<ProcessResult>("process-member.ts", asked, { size, folder });

/** To 1e-5, or thrice what the opposite order does to one process: deep networks of four channels make much of rounding. */
function expectSame(found: ProcessResult, expected: ProcessResult, reversed?: ProcessResult): void {
  const scale = Math.max(1, Math.abs(expected.loss)); // a mean of cosines may be near 0
  expect(Math.abs(found.loss - expected.loss) / scale).toBeLessThan(1e-5);
  expect(length(expected.gradient)).toBeGreaterThan(0);
  for (const part of ["statistics", "gradient"] as const) {
    const rounding = reversed ? 3 * difference(reversed[part], expected[part]) : 0;
    expect(difference(found[part], expected[part]), part).toBeLessThan(Math.max(1e-5, rounding));
  }
}

let one: Record<string, ProcessResult>;
let reversed: Record<string, ProcessResult>;
beforeAll(async () => {
  one = await resultsOf(cases, 1);
  reversed = await resultsOf(
    reversible.map((each) => ({ ...each, isReversed: true })),
    1,
  );
}, 300_000);

describe.each([2, 3, 4])("%i processes", (size) => {
  let all: Record<string, ProcessResult>;
  beforeAll(async () => {
    all = await resultsOf([...cases, ...inParts], size);
  }, 300_000);

  it.each(cases.map(({ name }) => name))("are one: %s", (name) => {
    expectSame(all[name]!, one[name]!, reversed[name]);
  });

  it("are one that takes the same micro-batches", { timeout: 120_000 }, async () => {
    const dealt = inParts.map((each) => ({ ...each, dealtTo: size }));
    const expected = await resultsOf(dealt, 1);
    const backwards = await resultsOf(
      dealt.map((each) => ({ ...each, isReversed: true })),
      1,
    );
    for (const { name } of inParts) expectSame(all[name]!, expected[name]!, backwards[name]);
  });
});
