// Plans as data, published figures, and tables: nothing here trains.
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type PublishedRow, type PublishedTable, publishedRows, publishedTables } from "../report/index.ts";
import { collapsePlan } from "./collapse/collapse.ts";
import { type PlanInput, parsePlan } from "./plan/plan.ts";
import { describePlans, plans } from "./plan/shipped/index.ts";
import { cellsOf, fixedLength } from "./runner/cells.ts";
import { chosenData } from "./runner/chosen-data.ts";
import { markdownOf } from "./table/markdown.ts";
import { pageOf, sheetsAsHtml } from "./table/page.ts";
import { publishedSheet, sheetsOf } from "./table/sheet.ts";
import { comparisonTable, viewSizes } from "./table/table.ts";

const tiny: PlanInput = {
  title: "tiny",
  data: "shapes",
  rows: [{ method: "barlow-twins" }, { method: "simsiam", settings: { predictor: "8" } }],
  seeds: [0, 1],
  budget: { steps: 4 },
};

it("refuses what no plan is, naming key, row and the nearest name", () => {
  expect(() => parsePlan({ ...tiny, bugdet: 1 }, "p")).toThrow(/no such key: bugdet Did you mean budget\?/);
  expect(() => parsePlan({ ...tiny, rows: [{ method: "simsiem" }] }, "p")).toThrow(/Did you mean simsiam\?/);
  expect(() => parsePlan({ ...tiny, rows: [{ method: "byol", settings: { lambda: 1 } }] }, "p")).toThrow(
    /row BYOL.*lambda/,
  );
  expect(() => parsePlan({ ...tiny, rows: [tiny.rows[0], tiny.rows[0]] }, "p")).toThrow(/different names/);
  expect(() => parsePlan({ ...tiny, seeds: [1, 1] }, "p")).toThrow(/each seed once/);
  expect(() => parsePlan({ ...tiny, budget: { minute: 4 } }, "p")).toThrow(
    /budget: one of images, minutes, epochs and steps/,
  );
  expect(() => parsePlan({ ...tiny, evaluations: { "few-shot": { lables: 5 } } }, "p")).toThrow(
    /Did you mean labels\?/,
  );
  expect(() => parsePlan({ ...tiny, evaluations: { kn: {} } }, "p")).toThrow(/Did you mean knn\?/);
  const rows = [{ method: "barlow-twins", published: "only-invarience" }];
  expect(() => parsePlan({ ...tiny, rows, published: ["paper-table-5"] }, "p")).toThrow(
    /Did you mean only-invariance\?/,
  );
});

it("stays with the pictures that a folder began with", async () => {
  const folder = mkdtempSync(join(tmpdir(), "selfsight-chosen-"));
  const pictures = join(folder, "pictures");
  const chosen = () => chosenData({ data: [pictures, "shapes"] }, folder);
  expect(await chosen()).toBe("shapes");
  mkdirSync(pictures);
  expect(await chosen()).toBe("shapes");
  rmSync(join(folder, "data.json"));
  expect(await chosen()).toBe(pictures);
  rmdirSync(pictures);
  await expect(chosen()).rejects.toThrow(/began with .*pictures, which is not on this machine now/);
  rmSync(folder, { recursive: true });
});

it("names a cell by what shapes its result, so that a changed row changes its own cells alone", () => {
  const namesOf = (plan: PlanInput) => {
    const parsed = parsePlan(plan, "p");
    return parsed.rows.flatMap((row) => cellsOf(parsed, row, "shapes", { steps: 4 }).map(({ name }) => name));
  };
  const before = namesOf(tiny);
  const after = namesOf({ ...tiny, rows: [tiny.rows[0]!, { method: "simsiam", settings: { predictor: "16" } }] });
  expect(new Set(before).size).toBe(4);
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(after.slice(2).filter((name) => before.includes(name))).toEqual([]);
  expect(namesOf({ ...tiny, base: { checkpointEverySteps: 1 } })).toEqual(before); // the result stays what it was
});

it("turns a budget of images into equal pictures for every row, whatever its batch", () => {
  const rows: PlanInput["rows"] = [{ method: "simsiam" }, { method: "byol", settings: { batchSize: 96 } }];
  const parsed = parsePlan({ ...tiny, rows, base: { batchSize: 128 }, budget: { images: 200_000 } }, "p");
  expect(parsed.rows.map((row) => fixedLength(parsed, row))).toEqual([{ steps: 1563 }, { steps: 2083 }]);
  expect(fixedLength({ ...parsed, budget: { minutes: 1 } }, parsed.rows[0]!)).toBeUndefined();
});

it("ships plans whose rows resolve, and whose published rows exist", () => {
  expect(describePlans().map(({ name }) => name)).toEqual(Object.keys(plans));
  for (const written of Object.values(plans) as PlanInput[])
    for (const { published } of written.rows)
      if (published !== undefined) expect(publishedRows(written.published ?? [], published), published).toHaveLength(1);
});

it("keeps the guards of every pair: the second row differs from the first in them alone", () => {
  const { rows } = collapsePlan();
  expect(rows).toHaveLength(14);
  expect(() => collapsePlan({ methods: ["supervised"] })).toThrow(/no guard/);
});

const tables = Object.entries(publishedTables) as [string, PublishedTable][];
const rowsIn = (table: PublishedTable): readonly PublishedRow[] => table.rows;

it.each(tables)(
  "%s: SimSiam stands in it where its source has it, every figure is a percentage, every setting is given or marked",
  (name, table) => {
    expect(rowsIn(table).some(({ id }) => id === "simsiam")).toBe(!["paper-table-2", "paper-table-3"].includes(name));
    for (const row of rowsIn(table)) {
      expect(Object.keys(row.figures)).toEqual([...table.columns]);
      const accuracies = table.columns.filter((column) => !["minutes", "peak GB"].includes(column));
      for (const column of accuracies) if (row.figures[column] !== null) expect(row.figures[column]).toBeLessThan(100);
      const marked = new Set(row.unverified);
      expect(row.batch !== null || marked.has("batch"), row.label).toBe(true);
      expect(row.epochs !== null || marked.has("epochs") || table.columns.includes("100 epochs"), row.label).toBe(true);
      for (const key of marked) expect([...table.columns, "epochs", "batch"]).toContain(key);
    }
  },
);

it("has the figures of the paper: a few that are easily mistyped", () => {
  const figure = (table: keyof typeof publishedTables, id: string, column: string) =>
    publishedRows([table], id)[0]?.row.figures[column];
  expect(figure("paper-table-1", "barlow-twins", "top-1")).toBe(73.2);
  expect(figure("paper-table-1", "simsiam", "top-1")).toBe(71.3);
  expect(figure("paper-table-2", "barlow-twins", "1 %, top-1")).toBe(55);
  expect(figure("paper-table-2", "swav", "10 %, top-5")).toBe(89.9);
  expect(figure("paper-table-3", "barlow-twins", "VOC07, mAP")).toBe(86.2);
  expect(figure("paper-table-3", "swav", "iNat18, top-1")).toBe(48.6);
  expect(figure("paper-table-4", "barlow-twins", "VOC AP")).toBe(56.8);
  expect(figure("paper-table-4", "simsiam", "COCO mask AP75")).toBe(36.7);
  expect(figure("simsiam-table-4", "simsiam", "800 epochs")).toBe(71.3);
  expect(figure("simsiam-table-4", "byol", "400 epochs")).toBe(73.2);
  expect(figure("paper-table-5", "only-redundancy", "top-1")).toBe(0.1);
  expect(figure("paper-table-6", "stop-gradient-predictor", "top-5")).toBe(83.5);
  expect(figure("lightly-cifar10", "barlow-twins", "kNN top-1")).toBe(84.2);
  expect(figure("solo-learn", "simsiam", "CIFAR-100")).toBe(66.04);
});

it("marks what could not be verified, and only that", () => {
  const { rows, foot } = publishedSheet(publishedTables["paper-table-1"]);
  const cells = Object.fromEntries(rows.map(([label, epochs, batch]) => [label, [epochs, batch]]));
  expect(cells.Supervised).toEqual(["90", "- [U]"]);
  expect(cells["SwAV without multi-crop"]).toEqual(["800 [U]", "4096 [U]"]);
  expect(cells["Barlow Twins"]).toEqual(["1000", "2048"]);
  expect(foot.at(-1)).toMatch(/could not be verified/);
});

it("counts views by their size", () => {
  const view = (size: number) => ({ ...parsePlan(tiny, "p"), size }) as never;
  expect(viewSizes({ views: [view(224), view(224), view(96)] })).toBe("2 x 224 + 1 x 96");
});

it("lets no label or message become markup, in Markdown or HTML", () => {
  const label = '<img src=x onerror="a">|`b`\n[c](d)';
  const plan = parsePlan({ ...tiny, title: "a & <b>", rows: [{ method: "byol", label }] }, "p");
  const sheets = sheetsOf(comparisonTable(plan, "shapes", []));
  const page = pageOf(plan.title, sheetsAsHtml(sheets));
  expect(page).not.toContain("<img");
  expect(page).toContain("&lt;img src=x onerror=&quot;a&quot;&gt;");
  expect(page).toContain("<title>a &amp; &lt;b&gt;</title>");
  expect(page).not.toMatch(/<script|https?:\/\//);
  const line = markdownOf(sheets)
    .split("\n")
    .find((text) => text.includes("img"));
  expect(line).toContain('&lt;img src=x onerror="a"\\>\\|\\`b\\` \\[c\\](d) |');
});
