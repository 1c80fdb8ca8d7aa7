// A tiny plan through the runner: two methods, two seeds, cells in processes of their own.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { readLog } from "../../train/index.ts";
import { collapsePlan, collapseRows } from "../collapse/collapse.ts";
import { writeCollapse } from "../collapse/page.ts";
import { budgetKey, parsePlan } from "../plan/plan.ts";
import { markdownOf } from "../table/markdown.ts";
import { sheetsOf } from "../table/sheet.ts";
import { comparisonTable } from "../table/table.ts";
import { writeTable } from "../table/write-table.ts";
import { readTraining } from "./cell-files.ts";
import { firstFailure, type PlanProgress, runPlan } from "./runner.ts";
import { keepBudget, readBudgets } from "./time-budgets.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-compare-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = {
  width: 4,
  stem: "small-stride-2",
  batchSize: 50,
  limit: 200,
  warmupEpochs: 0,
  precision: "fp32",
} as const;
const steps = 40;
/** Nine processes, each with its own start: seconds on an idle machine, more on a busy one. */
vi.setConfig({ testTimeout: 300_000 });
const plan = parsePlan(
  {
    title: "tiny",
    data: "shapes",
    base: {
      ...settings,
      watchEverySteps: 2,
      checkpointEverySteps: 5,
      optimizer: { name: "sgd", learningRate: 0.05, biasLearningRate: null },
    },
    rows: [
      { method: "barlow-twins", settings: { projector: "16-16" } },
      { method: "simsiam", settings: { projector: "16-16", predictor: "8" } },
    ],
    seeds: [0, 1],
    budget: { steps },
    evaluations: { knn: { k: 5 } },
    published: ["paper-table-1"],
  },
  "tiny",
);

/** The plan as it could be written. */
const { measurements: _, ...written } = plan;

/** Runs the plan; `onEvent` may stop it. */
async function run(onProgress: (progress: PlanProgress, stop: () => void) => void = () => {}) {
  const controller = new AbortController();
  const seen: PlanProgress[] = [];
  const result = await runPlan(plan, {
    folder,
    signal: controller.signal,
    onProgress: (progress) => {
      seen.push(progress);
      onProgress(progress, () => controller.abort());
    },
  });
  const kinds = (kind: PlanProgress["kind"]) => seen.filter((own) => own.kind === kind);
  return { ...result, seen, kinds };
}

const cellFolders = () => readdirSync(join(folder, "cells")).map((name) => join(folder, "cells", name));
const startsOf = (cell: string) => readLog(cell).filter(({ event }) => event === "start");

it("stops on request after saving, survives the death of a cell's process, and goes on to the end", async () => {
  const stopped = await run((progress, stop) => {
    if (progress.kind === "event" && progress.seed === 1 && progress.event.event === "start") stop();
  });
  expect(stopped.reason).toBe("stopped");
  expect(stopped.kinds("done")).toHaveLength(1);
  const cut = cellFolders().find((cell) => !readTraining(cell))!;

  // the process of the third cell is killed with -9
  const killed = await run((progress) => {
    if (progress.kind !== "event" || !progress.label.startsWith("SimSiam") || progress.seed !== 0) return;
    if (progress.event.event === "start") process.kill(ownerOf("simsiam-seed-0"), "SIGKILL");
  });
  expect(killed.reason).toBe("complete");
  expect(firstFailure(killed.rows)?.kind).toBe("memory");
  expect(killed.kinds("kept")).toHaveLength(1);
  expect(startsOf(cut)[1]!.step).toBeGreaterThan(0);
  const table = comparisonTable(plan, "shapes", killed.rows);
  expect(table.rows[1]!.failures).toMatchObject([{ seed: 0, kind: "memory" }]);

  const last = await run();
  expect([last.kinds("kept").length, last.kinds("done").length, firstFailure(last.rows)]).toEqual([3, 1, undefined]);
  for (const cell of cellFolders()) expect(readLog(cell).filter(({ event }) => event === "step")).toHaveLength(steps);
});

const ownerOf = (cell: string): number => {
  const own = cellFolders().find((path) => path.includes(cell))!;
  return (JSON.parse(readFileSync(join(own, "lock"), "utf8")) as { pid: number }).pid;
};

it("repeats nothing that is done, and puts it into a table", async () => {
  const before = cellFolders().map((cell) => statSync(join(cell, "result.json")).mtimeMs);
  const { rows, kinds, data } = await run();
  expect(kinds("kept")).toHaveLength(4);
  expect(cellFolders().map((cell) => statSync(join(cell, "result.json")).mtimeMs)).toEqual(before);
  const table = comparisonTable(plan, data, rows);
  writeTable(folder, table);
  expect(table.rows.map(({ label }) => label)).toEqual(["Barlow Twins", "SimSiam"]);
  for (const row of table.rows) {
    expect(row).toMatchObject({
      epochs: 10,
      steps,
      globalBatch: 50,
      views: "2 x 32",
      seeds: [0, 1],
      failures: [],
      cellsLeft: 0,
    });
    expect(row.figures.knn!.protocol).toMatch(/^knn-v1 k=5 .* at most 200 images/);
    const [a, b] = row.figures.knn!.values.map(({ value }) => value);
    expect(row.figures.knn!.mean).toBeCloseTo((a! + b!) / 2, 12);
    expect(row.figures.knn!.spread).toBeCloseTo(Math.abs(a! - b!) / Math.SQRT2, 12);
    expect(row.peakMemoryBytes).toBeGreaterThan(50e6);
    expect(row.imagesPerSecond).toBeGreaterThan(0);
  }
  expect(JSON.parse(readFileSync(join(folder, "table.json"), "utf8"))).toEqual(JSON.parse(JSON.stringify(table)));
  expect(readFileSync(join(folder, "table.md"), "utf8")).toMatch(
    /\| SimSiam \| 10 \(40 steps\) \| \d+\.\d \| 50 \| 2 x 32 \|/,
  );
});

it("shows what is done before it comes to it, and no figures of other evaluations", async () => {
  const figuresOf = async (asked: typeof plan) => {
    const { rows, data } = await runPlan(asked, { folder, signal: AbortSignal.abort() });
    return comparisonTable(asked, data, rows).rows.map(({ figures, cellsLeft }) => [
      figures.knn?.values.length,
      cellsLeft,
    ]);
  };
  expect(await figuresOf(plan)).toEqual([
    [2, 0],
    [2, 0],
  ]);
  expect(await figuresOf({ ...plan, evaluations: { knn: { k: 3 } } })).toEqual([
    [undefined, 2],
    [undefined, 2],
  ]);
});

it("corrects a row whose pace was measured in a busy minute, and keeps what it found", async () => {
  const out = join(folder, "paced");
  const minutes = 0.05;
  const paced = parsePlan({ ...written, seeds: [0], rows: [plan.rows[0]!], budget: { minutes } }, "paced");
  const key = budgetKey(paced, paced.rows[0]!, "shapes", minutes);
  mkdirSync(out, { recursive: true });
  keepBudget(out, key, { minutes, steps: 3, corrections: 0 });
  const { rows } = await runPlan(paced, { folder: out });
  const budget = readBudgets(out)[key]!;
  expect(budget.steps).toBeGreaterThan(6);
  expect(budget.corrections).toBeGreaterThan(0);
  const table = comparisonTable(paced, "shapes", rows);
  expect(table.rows[0]).toMatchObject({ steps: budget.steps, cellsLeft: 0 });
  const seen: string[] = [];
  await runPlan(paced, { folder: out, onProgress: ({ kind }) => seen.push(kind) });
  expect(seen).toEqual(["plan", "pace", "kept"]);
});

it("marks a row that trained longer than its plan, and says minutes", async () => {
  const slow = parsePlan({ ...written, budget: { minutes: 0.001 } }, "slow");
  const { rows, data } = await run();
  const table = comparisonTable(
    slow,
    data,
    rows.map(({ cells }, i) => ({ row: slow.rows[i]!, cells })),
  );
  expect(table.rows[0]!.minutes).toBeGreaterThan(0);
  expect(table.rows[0]!.offPlan.map(({ seed, planned }) => [seed, planned])).toEqual([
    [0, 0.001],
    [1, 0.001],
  ]);
  expect(markdownOf(sheetsOf(table))).toMatch(/seed 0: trained for \d\.\d minutes where 0.001 were planned/);
});

it("makes a row of a cell that cannot go on, and runs the others", async () => {
  const large = { ...plan.rows[0]!, label: "Large", settings: { ...plan.rows[0]!.settings, batchSize: 400 } };
  const half = parsePlan({ ...written, seeds: [0], rows: [large, plan.rows[0]!] }, "half");
  const { rows, reason, data } = await runPlan(half, { folder });
  const table = comparisonTable(half, data, rows);
  expect([reason, firstFailure(rows)?.kind]).toEqual(["complete", "data"]);
  expect(table.rows[0]!.failures[0]!.message).toMatch(/200 images, a batch takes 400/);
  expect(table.rows[1]!.seeds).toEqual([0]);
  expect(markdownOf(sheetsOf(table))).toMatch(/\| Large .*seed 0 failed: compare: shapes has 200 images/);
});

it("puts a pair's curves, matrices and verdicts on one page", async () => {
  const out = join(folder, "collapse");
  const pair = collapsePlan({ methods: ["barlow-twins"], steps: 4, settings: { ...settings, watchEverySteps: 1 } });
  const { rows } = await runPlan(pair, { folder: out, withCorrelation: true });
  const found = collapseRows(pair, rows);
  await writeCollapse(out, found);
  expect(found.map(({ removed }) => removed)).toEqual([null, "redundancy term"]);
  for (const { curves, correlation, knn, isWatchRight, failure } of found.flatMap(({ runs }) => runs)) {
    expect(curves.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(correlation!.end.values).toHaveLength(48 * 48);
    expect(knn).toBeGreaterThan(0);
    expect([typeof isWatchRight, failure]).toEqual(["boolean", null]);
  }
  const [start, other] = found.map(({ runs }) => runs[0]!.correlation!.start);
  expect(start).toEqual(other); // the same first weights
  const page = readFileSync(join(out, "collapse.html"), "utf8");
  expect(page.match(/<img class="matrix" src="data:image\/png;base64,/g)).toHaveLength(4);
  expect(page.match(/<polyline/g)).toHaveLength(4);
});
