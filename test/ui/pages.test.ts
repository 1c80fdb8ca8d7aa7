// Every page in Chromium over runs that are drawn: what it shows, by keys and on a phone, in both shades, and that nothing in a folder runs.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { idOf } from "../../src/serve/folder/find-runs.ts";
import type { Listening } from "../../src/serve/http/server.ts";
import { exportRun, type Training } from "../../src/serve/index.ts";
import { drawRun } from "../drawn-run.ts";
import { scratchFolder } from "../tiny-run.ts";
import { goTo, hasBrowser, type OpenPage, openPage, pictureOf, screenOf } from "./browser.ts";
import { playedTraining, serve, token } from "./server.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);
const root = scratch.next();
const hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
const alarm = {
  ...{ event: "warning", step: 120, message: `embeddings lie on a line ${hostile}` },
  alarm: {
    ...{ kind: "collapse", evidence: { featureStd: 0.011, effectiveRank: 1.2 } },
    proposal: { settings: { "optimizer.learningRate": 0.05 }, from: 100, why: "At a lower rate it stood." },
  },
};
const leftOut = {
  event: "warning",
  step: 3,
  message: `${hostile}.jpg could not be decoded and was left out: premature end`,
};

beforeAll(async () => {
  mkdirSync(root);
  await drawRun(join(root, "barlow"), { more: [leftOut, alarm].map((event) => JSON.stringify(event)) });
  await drawRun(join(root, "simclr"), { method: "simclr", settings: { temperature: 0.5 } });
  await drawRun(join(root, "swav"), { method: "swav" });
  await drawRun(join(root, hostile.replaceAll("/", "")), {
    settings: { [hostile]: hostile, data: hostile },
    more: ['{"event":"st'],
  });
  await drawRun(join(root, "collapse", "whole"), {});
  await drawRun(join(root, "collapse", "off"), { settings: { terms: "invariance" } });
});

it("the page weighs at most 150 kB, compressed", () => {
  const folder = join(import.meta.dirname, "..", "..", "dist", "ui");
  const sizes = readdirSync(folder).map((name) => gzipSync(readFileSync(join(folder, name))).length);
  expect(sizes.length).toBeGreaterThan(3);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000);
});

describe.skipIf(!hasBrowser)("the pages, in Chromium", () => {
  let listening: Listening;
  let open: OpenPage;
  const asked: unknown[] = [];
  const at = (name: string) => `/run/${idOf(root, join(root, name))}`;
  const show = (place: string) => goTo(open.page, place);

  beforeAll(async () => {
    listening = await serve(root, { training: playedTraining(asked) satisfies Training });
    open = await openPage(listening.url);
  }, 60_000);
  afterAll(async () => {
    await open?.browser.close();
    await listening?.close();
  });

  test("runs are listed with their light, and found by what is typed", async () => {
    const { page } = open;
    await page.getByRole("link", { name: "barlow" }).waitFor();
    expect(await page.locator("tbody tr").count()).toBe(6);
    expect(await page.locator("tr", { has: page.getByRole("link", { name: "barlow" }) }).textContent()).toMatch(
      /✕ fallen[\s\S]*42\.0 %/,
    );
    await page.getByPlaceholder("find …").fill("swav");
    await expect.poll(() => page.locator("tbody tr").count()).toBe(1);
    await page.getByPlaceholder("find …").fill("");
  });

  test("the matrix goes through time by keys, and each method has its own picture", async () => {
    const { page } = open;
    await show(at("barlow"));
    await page.locator("canvas.matrix").waitFor();
    const end = await pictureOf(page, "canvas.matrix");
    await page.getByRole("slider", { name: "Time" }).focus();
    await page.keyboard.press("Home");
    await page.getByText("step 10", { exact: true }).waitFor();
    await expect.poll(() => pictureOf(page, "canvas.matrix")).not.toBe(end);
    expect(await page.locator("canvas.matrix").getAttribute("aria-label")).toMatch(
      /at step 10: mean of the diagonal 0\.2/,
    );
    await page.getByRole("heading", { name: /Spectrum: 4 directions/ }).waitFor();
    await page.getByRole("button", { name: "Play" }).click();
    await page.getByText("step 120", { exact: true }).waitFor();
    await show(at("simclr"));
    await page.getByRole("heading", { name: "Positives against negatives" }).waitFor();
    await show(at("swav"));
    await page.getByText("210 of 300 in use").waitFor();
  });

  test("an alarm stands with its evidence, and its proposal becomes a fork's form", async () => {
    const { page } = open;
    await show(at("barlow"));
    await page.getByRole("heading", { name: "✕ collapse, step 120" }).waitFor();
    await page.getByText("Evidence as curves").click();
    await page.locator(".alarm .uplot").first().waitFor();
    await page.getByRole("button", { name: "Fork with this" }).click();
    await expect
      .poll(() => page.getByLabel("Settings that differ, one a line").inputValue())
      .toBe("optimizer.learningRate = 0.05");
    expect(await page.getByLabel("From the checkpoint of").inputValue()).toBe("100");
  });

  test("pictures: views, a map under keys, pointer and lasso, neighbours, what was left out", async () => {
    const { page } = open;
    await show(`${at("barlow")}/pictures`);
    const map = page.getByRole("application");
    await map.waitFor();
    await page.getByRole("img", { name: "view 2 of picture 3" }).waitFor();
    await page.waitForTimeout(500); // points that are on their way
    const before = await screenOf(page, ".map");
    await map.focus();
    await page.keyboard.press("+");
    await expect.poll(() => screenOf(page, ".map")).not.toBe(before);
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page.getByRole("button", { name: "Choose with a lasso" }).click();
    const box = (await map.boundingBox())!;
    const corner = (x: number, y: number) =>
      page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 4 });
    await corner(0.02, 0.02);
    await page.mouse.down();
    for (const [x, y] of [
      [0.98, 0.02],
      [0.98, 0.98],
      [0.02, 0.98],
      [0.02, 0.02],
    ] as const)
      await corner(x, y);
    await page.mouse.up();
    await page.getByRole("heading", { name: "60 chosen" }).waitFor();
    await page.getByRole("button", { name: /green/ }).first().click();
    await page.getByRole("heading", { name: "20 chosen" }).waitFor();
    await page.getByRole("heading", { name: /What changed since step 30.*of the chosen/ }).waitFor();
    await page.getByRole("heading", { name: "Nearest neighbours, step 30 and now" }).waitFor();
    expect(await page.locator(".neighbours .marked").count()).toBeGreaterThan(0);
    await page.getByText(`${hostile}.jpg could not be decoded`).waitFor();
    await page.mouse.move(box.x + box.width / 2, box.y + 10);
  });

  test("steering of a run at rest offers to go on; its record says what it is", async () => {
    const { page } = open;
    await show(`${at("barlow")}/steer`);
    await page.getByRole("button", { name: "Resume" }).waitFor();
    await show(`${at("barlow")}/record`);
    await page.getByText("optimizer.name", { exact: true }).waitFor();
    await page.getByText("selfsight pretrain shapes").waitFor();
  });

  test("the theatre shows a method whole and without its guard", async () => {
    const { page } = open;
    await show("/theatre");
    await page.getByRole("link", { name: "without redundancy term" }).waitFor();
    await page.getByRole("link", { name: "whole", exact: true }).waitFor();
    await expect.poll(() => page.locator("canvas.matrix").count()).toBe(2);
  });

  test("runs are compared: curves on one axis, settings that differ", async () => {
    const { page } = open;
    await show(`/compare/${["barlow", "simclr", "swav"].map((name) => idOf(root, join(root, name))).join(",")}`);
    await page.getByRole("heading", { name: "Loss" }).waitFor();
    expect(
      await page.locator("figure", { hasText: "Losses of different methods" }).locator(".legend span").count(),
    ).toBe(3);
    const row = page.locator("tr", { has: page.getByRole("cell", { name: "temperature", exact: true }) });
    expect(await row.locator("td").allTextContents()).toEqual(["temperature", "–", "0.5", "–"]);
  });

  test("what stands in a folder is text: no script of it has run", async () => {
    const { page } = open;
    await show("/");
    await page.getByRole("link", { name: "onerror" }).first().click();
    for (const part of ["Record", "Pictures", "Objective"]) {
      await page.getByRole("link", { name: part, exact: true }).click();
      await page.waitForTimeout(100);
    }
    expect(await page.title()).toBe("Selfsight");
    expect(await page.locator("main script, main img").count()).toBe(0);
  });

  test("every page fits a phone, in both shades", { timeout: 90_000 }, async () => {
    const { page } = open;
    await page.setViewportSize({ width: 360, height: 740 });
    const places = [
      "/",
      at("barlow"),
      `${at("barlow")}/pictures`,
      `${at("barlow")}/steer`,
      `${at("barlow")}/record`,
      "/theatre",
      "/studio",
      "/start",
    ];
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const place of places) {
        await show(place);
        await page.waitForTimeout(250);
        expect([place, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([place, 360]);
      }
    }
    await page.setViewportSize({ width: 1200, height: 900 });
  });

  test("a run whose page is open is heard of where its log grows", async () => {
    const { page } = open;
    await show(at("swav"));
    await page.locator(".chart").first().waitFor();
    const { appendFileSync } = await import("node:fs");
    appendFileSync(join(root, "swav", "log.jsonl"), '{"event":"step","step":777,"loss":1.5,"floor":0}\n');
    await page.getByRole("img", { name: /to step 777: above its floor 1\.5/ }).waitFor();
  });

  test("it asked its own server alone, and broke no rule of its own", () => {
    expect(new Set(open.asked.map((url) => new URL(url).origin))).toEqual(new Set([new URL(listening.url).origin]));
    expect(open.asked.filter((url) => url.includes(token))).toHaveLength(1); // the first visit
    expect(open.problems).toEqual([]);
  });

  test("exported, it opens from a folder without any server", async () => {
    const site = scratch.next();
    await exportRun(join(root, "barlow"), site);
    const other = await openPage(pathToFileURL(join(site, "index.html")).href);
    const { page } = other;
    await page.getByRole("heading", { name: "barlow" }).waitFor();
    await page.locator("canvas.matrix").waitFor();
    await page.locator(".columns .uplot").last().waitFor();
    await page.getByRole("link", { name: "Pictures" }).click();
    await page.getByRole("application").waitFor();
    expect(await page.getByRole("link", { name: /Steer|Start a run/ }).count()).toBe(0);
    expect(other.asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
    expect(other.problems).toEqual([]);
    expect(await page.title()).toBe("Selfsight");
    await other.browser.close();
  });
});

it("exports by the command too, and refuses what is no run", () => {
  const program = join(import.meta.dirname, "..", "..", "bin", "selfsight.mjs");
  const site = scratch.next();
  const said = execFileSync(process.execPath, [program, "ui", join(root, "barlow"), "--export", site], {
    encoding: "utf8",
  });
  expect(said).toMatch(/^wrote the pages of .*barlow to .*index\.html\n$/);
  expect(readdirSync(site).sort()).toEqual(["data.js", "icon.svg", "index.html", "ui.css", "ui.js"]);
  expect(() => execFileSync(process.execPath, [program, "ui", root, "--export", site], { stdio: "pipe" })).toThrow(
    /holds no run\.json; --export/,
  );
});
