// A plan on tiny stand-ins of the papers' folders: trained, and measured by protocols on other pictures than those it learned from.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tinySettings } from "../../../test/tiny-run.ts";
import { withFoundSets } from "../plan/layouts.ts";
import { parsePlan } from "../plan/plan.ts";
import { sheetsOf } from "../table/sheet.ts";
import { comparisonTable } from "../table/table.ts";
import { runPlan } from "./runner.ts";

let root: string;
const before = process.env.SELFSIGHT_DATA;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "measurements-"));
  process.env.SELFSIGHT_DATA = root;
  for (const set of ["imagenet", "places205"])
    for (const [part, count] of [
      ["train", 24],
      ["val", 6],
    ] as const)
      for (const level of [40, 200]) await pictures(join(root, set, part, String(level)), count, level);
});
afterAll(() => {
  rmSync(root, { recursive: true });
  if (before === undefined) delete process.env.SELFSIGHT_DATA;
  else process.env.SELFSIGHT_DATA = before;
});

async function pictures(folder: string, count: number, level: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++)
    await sharp({
      create: { width: 16, height: 16, channels: 3, background: { r: level, g: level + i, b: 255 - level } },
    })
      .png()
      .toFile(join(folder, `${i}.png`));
}

it("trains once and fills a column for each protocol, beside the published row", async () => {
  const { epochs: _, steps: __, ...base } = tinySettings();
  const plan = withFoundSets(
    parsePlan(
      {
        title: "tiny paper",
        data: "imagenet",
        base: { ...base, batchSize: 16 },
        rows: [{ method: "barlow-twins", settings: { projector: "16-16" } }],
        budget: { steps: 2 },
        protocols: [
          { knn: { k: 3 } },
          { finetune: { labels: "2-per-class", epochs: 1, batch: 4, beside: "none", title: "1 %, top-1" } },
          { transfer: { data: "places205", epochs: 2, title: "Places-205, top-1" } },
          "unlabelled",
        ],
        published: ["paper-table-2", "paper-table-3"],
      },
      "tiny paper",
    ),
  );
  const { rows, data } = await runPlan(plan, { folder: join(root, "out") });
  const table = comparisonTable(plan, data, rows);
  expect(table.rows[0]!.failures).toEqual([]);
  expect(table.protocols).toEqual(["knn", "1 %, top-1", "Places-205, top-1", "unlabelled"]);
  const names = table.protocols.map((column) => table.rows[0]!.figures[column]?.protocol);
  expect(names.map((name) => name?.split(" ")[0])).toEqual(["knn-v1", "finetune-v1", "linear-v1", "unlabelled-v1"]);
  const [sheet] = sheetsOf(table);
  expect(sheet!.headings).toContain("Places-205, top-1, %");
  expect(sheet!.rows[0]!.join(" ")).toMatch(/55.0 .*\[1000 epochs, batch 2048; paper, Table 2\]/);
}, 240_000);
