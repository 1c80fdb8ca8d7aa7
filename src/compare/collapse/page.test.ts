import { expect, it } from "vitest";
import { collapseWatch } from "../../train/index.ts";
import type { CollapseRow, CollapseRun } from "./collapse.ts";
import { collapseSheet } from "./page.ts";

const run = (seed: number, changes: Partial<CollapseRun> = {}): CollapseRun => ({
  ...{ seed, featureStd: 0.9, effectiveRank: 20 + seed, knn: 0.4, protocol: "knn-v1 k=200 T=0.1" },
  ...{ verdict: null, isWatchRight: true, failure: null, curves: [], correlation: null },
  ...changes,
});
const line = { kind: "line", sentence: "embeddings lie on a line (effective rank 1.3); lower the rate" };
const rowOf = (...runs: CollapseRun[]): CollapseRow => ({ label: "SimCLR", method: "simclr", removed: null, runs });
const cells = (row: CollapseRow): readonly string[] => collapseSheet([row]).rows[0]!.map(String);

it("one seed: its own figures and what the watch says of it", () => {
  expect(cells(rowOf(run(0)))).toEqual(["SimCLR", "0.900", "20.0", "40.0", "no collapse"]);
  const fallen = run(0, { verdict: line, isWatchRight: true, effectiveRank: 1.3 });
  expect(cells(rowOf(fallen)).at(-1)).toBe("embeddings lie on a line (effective rank 1.3)");
});

it("the whole finding, without its advice, as the watch puts it", () => {
  const watch = collapseWatch();
  for (let step = 0; step < 30; step++)
    watch.observe(step, { featureStd: 0.2, effectiveRank: 1.2, deadDimensions: 0, recognition: 0.54 });
  expect(cells(rowOf(run(0, { verdict: watch.standing()! }))).at(-1)).toMatch(
    /than by chance \(0\.54, where chance is 0\.50\)$/,
  );
});

it("several seeds: least, median and most, and every verdict with the number of its runs", () => {
  const rows = rowOf(run(0), run(1), run(2, { verdict: line, isWatchRight: false }));
  expect(cells(rows)).toEqual([
    ...["SimCLR", "0.900 – 0.900 – 0.900", "20.0 – 21.0 – 22.0", "40.0 – 40.0 – 40.0"],
    "2 of 3: no collapse; 1 of 3: line (not what is expected)",
  ]);
  expect(collapseSheet([rows]).foot.at(-1)).toMatch(/^Seeds 0, 1, 2: the collapse watch is right on 2 of 3 runs/);
});

it("what is not run yet, and what failed, is said", () => {
  expect(cells(rowOf()).slice(1)).toEqual(["", "", "", "not run yet"]);
  const failed = run(1, { featureStd: null, effectiveRank: null, knn: null, isWatchRight: null, failure: "no space" });
  expect(cells(rowOf(run(0), failed)).at(-1)).toBe("1 of 2: no collapse; 1 of 2: failed: no space");
});
