import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { smallRun } from "../../../../test/small-run.ts";
import { scratchFolder } from "../../../../test/tiny-run.ts";
import { makeFolder } from "../../../files.ts";
import { exportTo } from "./run.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

let printed: string[] = [];
beforeEach(() => {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line) => printed.push(String(line)));
});

test("says what was written, to people in a sentence and to machines with the card", async () => {
  const parent = scratch.next();
  makeFolder(parent);
  const { folder } = smallRun(parent);
  const out = join(parent, "exported");
  await exportTo(folder, { out });
  expect(printed).toEqual([
    `wrote backbone.safetensors, README.md, card.json to ${out}: resnet18 of ${folder}, step 5`,
  ]);
  await exportTo(folder, { out, json: true });
  const card = JSON.parse(readFileSync(join(out, "card.json"), "utf8"));
  expect(JSON.parse(printed[1]!)).toEqual({ out, files: ["backbone.safetensors", "README.md", "card.json"], ...card });
});
