import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { QuickstartOptions } from "../src/cli/commands/quickstart/run.ts";
import { quickstart } from "../src/cli/commands/quickstart/run.ts";
import { reportRun } from "../src/cli/commands/report/run.ts";
import { readLog, readRun } from "../src/train/index.ts";

const root = mkdtempSync(join(tmpdir(), "selfsight-quickstart-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let printed: string[] = [];
beforeEach(() => {
  printed = [];
  vi.spyOn(console, "log").mockImplementation((line) => printed.push(String(line)));
});

const tiny = [
  "steps=3",
  "batchSize=32",
  "width=8",
  "projector=16-16",
  "size=16",
  "precision=fp32",
  "watchEverySteps=1",
];
const options = (name: string, more: Partial<QuickstartOptions> = {}): QuickstartOptions => ({
  data: "shapes",
  out: join(root, name),
  seed: 0,
  set: [...tiny, "limit=80"],
  ...more,
});

const page = (name: string): string => readFileSync(join(root, name, "report.html"), "utf8");

const rowsIn = (lines: readonly string[]): string[] =>
  lines
    .join("\n")
    .split("\n")
    .filter((line) => /^(pixels|untrained network|trained network) /.test(line));

/** What the first run printed; the tests of its page and of its report share it. */
const firstPrinted: string[] = [];
beforeAll(async () => {
  vi.spyOn(console, "log").mockImplementation((line) => firstPrinted.push(String(line)));
  await quickstart(options("first"));
});

test("a quickstart trains, prints all three rows and writes a page that stands alone", () => {
  expect(rowsIn(firstPrinted).map((line) => line.replace(/[\d.]+/g, "0").replace(/ +/g, " "))).toEqual([
    "pixels 0 % ± 0 0 % ± 0",
    "untrained network 0 % ± 0 0 % ± 0",
    "trained network 0 % ± 0 0 % ± 0",
  ]);
  expect(firstPrinted.join("\n")).toContain("80 test images, ± one standard error");
  const html = page("first");
  for (const part of ["What it is worth", "How it learned", "becomes the identity", "What it finds alike", "Go on"])
    expect(html).toContain(part);
  expect(html).not.toMatch(/https?:|<script/);
  expect(html.match(/class="neighbour"/g)).toHaveLength(10);
  expect(html.match(/alt="neighbour: /g)).toHaveLength(10 * 12);
});

test("a report may be made again and says the same", async () => {
  await reportRun(join(root, "first"), {});
  expect(rowsIn(printed)).toEqual(rowsIn(firstPrinted));
});

test("the untrained row is the run's own network before its first step: another training changes only the last row", async () => {
  await quickstart(options("other", { set: [...tiny, "limit=80", "optimizer.learningRate=3"] }));
  const [own, other] = [rowsIn(firstPrinted), rowsIn(printed)];
  expect(other.slice(0, 2)).toEqual(own.slice(0, 2));
  expect(other[2]).not.toBe(own[2]);
});

test("--minutes becomes a number of steps that stands in run.json", async () => {
  const set = [...tiny.filter((setting) => !setting.startsWith("steps")), "limit=80"];
  await quickstart(options("timed", { minutes: 0.002, set }));
  const { settings } = readRun(join(root, "timed"));
  expect(settings.epochs).toBeNull();
  expect(settings.steps).toBeGreaterThan(0);
  expect(settings.steps).toBeLessThan(200);
  expect(readLog(join(root, "timed")).at(-1)).toMatchObject({ event: "end", reason: "complete", step: settings.steps });
});

test("class names from folders are escaped, and the folder need not be divided", async () => {
  const hostile = "<img src=x onerror=alert(1)>";
  await drawFolder("pictures", [hostile, "plain"]);
  await quickstart(options("escaped", { data: join(root, "pictures"), set: tiny }));
  const html = page("escaped");
  expect(html).not.toContain("<img src=x");
  expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;");
  expect(html).toContain("20 % of the images held out with seed 0");
});

test("pictures without labels give a report without accuracies, and it says so", async () => {
  await drawFolder("unlabelled", ["."]);
  await quickstart(options("plain", { data: join(root, "unlabelled"), set: tiny }));
  const html = page("plain");
  expect(printed.join("\n")).toContain("the pictures have no labels");
  expect(html).toContain("These pictures have no labels");
  expect(html).toContain("What it finds alike");
  expect(html).not.toMatch(/class="thumb (right|wrong)"/);
});

/** Twenty pictures in each class, a shade for each place. */
async function drawFolder(name: string, classes: readonly string[]): Promise<void> {
  for (const [i, label] of classes.entries()) {
    const folder = join(root, name, label);
    mkdirSync(folder, { recursive: true });
    for (let place = 0; place < 20; place++) {
      const background = { r: 12 * place, g: 120 * i, b: 255 - 12 * place };
      const file = join(folder, `${place}.png`);
      await sharp({ create: { width: 20, height: 20, channels: 3, background } })
        .png()
        .toFile(file);
    }
  }
}
