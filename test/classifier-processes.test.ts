// Several processes that learn a classifier together take the very steps of one, in gradient and statistics.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClassifierCase, ClassifierResult } from "./classifier-member.ts";
import { difference, lengthOf, resultsOfMembers } from "./process-jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-classifiers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const transformer = { backbone: "vit-tiny", stem: "patch-4", width: 12 } as const;
const cases: ClassifierCase[] = [
  { name: "a vision transformer, uneven parts", backbone: transformer, batchSize: 13 },
  {
    name: "a residual network, a last batch of two",
    backbone: { backbone: "resnet18", stem: "small", width: 4 },
    batchSize: 8,
  },
];

const resultsOf = (size: number) => resultsOfMembers<ClassifierResult>("classifier-member.ts", cases, { size, folder });

let one: Record<string, ClassifierResult>;
beforeAll(async () => {
  one = await resultsOf(1);
}, 120_000);

describe.each([2, 3])("%i processes", (size) => {
  let all: Record<string, ClassifierResult>;
  beforeAll(async () => {
    all = await resultsOf(size);
  }, 120_000);

  /** Rounding alone moves the steps of a deep network of four channels by some 1e-4 of their length; a gradient of half the batch by 0.5. */
  it.each(cases)("$name", ({ name }) => {
    const [found, expected] = [all[name]!, one[name]!];
    expect(found.steps).toBe(expected.steps);
    expect(lengthOf(expected.change)).toBeGreaterThan(0.01);
    expect(difference(found.change, expected.change)).toBeLessThan(1e-3);
    expect(difference(found.statistics, expected.statistics)).toBeLessThan(1e-4);
  });
});
