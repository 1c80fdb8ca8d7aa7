// What people keep in their folders, tried on every command that reads one.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { embed } from "../src/cli/commands/embed/run.ts";
import { evaluate } from "../src/cli/commands/evaluate/run.ts";
import { quickstart } from "../src/cli/commands/quickstart/run.ts";
import { reportRun } from "../src/cli/commands/report/run.ts";
import { comparisonTable, parsePlan, runPlan } from "../src/compare/index.ts";
import { readLog } from "../src/train/index.ts";
import { putClasses } from "./drawn-pictures.ts";

const root = mkdtempSync(join(tmpdir(), "selfsight-pictures-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
vi.setConfig({ testTimeout: 180_000 });

let said: string[] = [];
let warned: string[] = [];
beforeEach(() => {
  [said, warned] = [[], []];
  vi.spyOn(console, "log").mockImplementation((line) => said.push(String(line)));
  vi.spyOn(console, "error").mockImplementation((line) => warned.push(String(line)));
});

const tiny = { steps: 3, width: 4, size: 16, precision: "fp32" } as const;
const quick = (data: string, name: string, set: string[] = []) =>
  quickstart({
    data,
    out: join(root, name),
    seed: 0,
    set: [...Object.entries(tiny).map(([key, value]) => `${key}=${value}`), "projector=16-16", ...set],
  });

describe("one undecodable picture among 96", () => {
  const [data, run] = [join(root, "one-bad"), join(root, "run")];
  const sentence = "1 picture could not be decoded and was left out: b/17.jpg";
  const reason = /^warning: decoding b\/17\.jpg: it is damaged or cut short( \([^;()]+\))?\.$/;

  test("quickstart trains past it, writes its report and names it", async () => {
    await putClasses(data, 96, [17]);
    await quick(data, "run", ["steps=8"]);
    expect(readFileSync(join(run, "report.html"), "utf8")).toContain(`${sentence}.`);
    expect(said.join("\n")).toContain(sentence);
    const warnings = readLog(run).flatMap((event) => (event.event === "warning" ? event.message : []));
    expect(warnings.at(-1)).toBe(sentence);
  });

  test("report names it again, and for machines", async () => {
    await reportRun(run, { json: true });
    expect(JSON.parse(said.join("\n")).leftOut).toEqual(["b/17.jpg"]);
  });

  test("embed and evaluate leave it out, count it and say why in one sentence", async () => {
    const out = join(root, "features.safetensors");
    await embed(run, data, { out, precision: "fp32", split: "train" });
    const { names, badFiles } = JSON.parse(readFileSync(`${out}.json`, "utf8"));
    expect([names.length, badFiles.map(({ name }: { name: string }) => name)]).toEqual([95, ["b/17.jpg"]]);
    await evaluate("knn", run, { data, json: true });
    expect(JSON.parse(said.at(-1)!).data).toMatchObject({ badFiles: 1 });
    expect(warned).toEqual([expect.stringMatching(reason), expect.stringMatching(reason)]);
  });

  test("compare leaves it out in every cell and says so below its table", async () => {
    const settings = { ...tiny, batchSize: 24, warmupEpochs: 0, watchEverySteps: 1 };
    const { steps, ...base } = settings;
    const rows = [{ method: "barlow-twins", settings: { projector: "16-16" } }];
    const evaluations = { knn: { k: 5 } };
    const plan = parsePlan({ title: "t", data, base, rows, budget: { steps: 4 * steps }, evaluations }, "plan");
    const { rows: found } = await runPlan(plan, { folder: join(root, "compared") });
    const table = comparisonTable(plan, data, found);
    expect([table.rows[0]!.failures, table.notes]).toEqual([[], [`${sentence}.`]]);
  });

  test("the bound is a setting of the run, which measuring keeps to; the advice can be followed", async () => {
    await expect(quick(data, "strict", ["maxBadShare=0", "steps=8"])).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(
        /1 of 96 files are bad, at most 0 are left out \(maxBadShare 0\).*allow more with --set maxBadShare=/,
      ),
    });
    const many = join(root, "many-bad");
    const bad = Array.from({ length: 12 }, (_, i) => 8 * i);
    await putClasses(many, 96, bad);
    await expect(evaluate("knn", "pixels", { data: many })).rejects.toMatchObject({
      message: expect.stringMatching(
        /11 of 96 files are bad, at most 10 are left out \(maxBadShare 0.1\).*Repair or remove them\.$/,
      ),
    });
    await quick(many, "patient", ["maxBadShare=0.2"]);
    expect(existsSync(join(root, "patient", "report.html"))).toBe(true);
    await evaluate("knn", join(root, "patient"), { data: many, json: true });
    expect(JSON.parse(said.at(-1)!).data).toMatchObject({ badFiles: 12 });
  });

  test("where the others do not fill a batch, a batch that they fill is advised", async () => {
    await expect(quick(data, "whole", ["batchSize=96"])).resolves.toBeUndefined(); // a quickstart fits the batch
    const { startRun } = await import("../src/train/index.ts");
    const { trainRun } = await import("../src/work/pretrain.ts");
    const settings = { ...tiny, batchSize: 96, method: "simsiam" as const, warmupEpochs: 0 };
    const prepared = await startRun(data, [settings], { out: join(root, "full"), command: "test", warn: () => {} });
    await expect(trainRun(prepared)).rejects.toMatchObject({
      message: expect.stringMatching(/the 95 others do not fill a batch of 96; .*or use --batch 95 or less\.$/),
    });
  });
});
