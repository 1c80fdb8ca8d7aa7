import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { scratchFolder, tinySettings } from "../../../test/tiny-run.ts";
import { pretrain } from "../pretrain.ts";
import { writeReport } from "./write-report.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

test("a program gets the page and its figures, each row when it is known", async () => {
  const out = scratch.next();
  await pretrain("shapes", { limit: 80, steps: 2 }, { out, recipe: { ...tinySettings(), epochs: null } });
  const rows: string[] = [];
  const { path, scores } = await writeReport(out, { onRow: ({ name }) => rows.push(name) });
  expect(rows).toEqual(["pixels", "untrained network", "trained network"]);
  expect(scores?.rows.map(({ name }) => name)).toEqual(rows);
  expect(path).toBe(join(out, "report.html"));
  expect(readFileSync(path, "utf8")).toContain("trained network");
});
