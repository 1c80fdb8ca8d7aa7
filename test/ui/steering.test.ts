// A run from its start to its end, all of it by the page in Chromium: start, watch, change, stop, fork, resume, compare. Then it is played again.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadNewestCheckpoint, readChanges, readLog, replayRun, train } from "../../src/train/index.ts";
import { putClasses } from "../drawn-pictures.ts";
import { bitsOf, scratchFolder, stopAfter } from "../tiny-run.ts";
import { executablePath, goTo, hasBrowser, type OpenPage, openPage, pictureOf, startUi, stop } from "./browser.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const settings: Record<string, string> = {
  ...{ width: "4", projector: "16-16", size: "16", batchSize: "16", epochs: "20000" },
  ...{
    limit: "160",
    observeEverySteps: "5",
    knnEveryEpochs: "50",
    checkpointEverySteps: "20",
    device: "cpu",
    precision: "fp32",
  },
};

describe.skipIf(!hasBrowser)(`a run steered from the page, in ${executablePath}`, () => {
  const root = scratch.next();
  let server: Awaited<ReturnType<typeof startUi>>;
  let open: OpenPage;
  const first = join(root, "first");
  const states = () => open.page.locator(".facts .state");
  const isAt = (state: string) => states().getByText(state, { exact: true }).waitFor({ timeout: 90_000 });

  beforeAll(async () => {
    mkdirSync(root);
    server = await startUi(root);
    open = await openPage(server.url);
  }, 60_000);
  afterAll(async () => {
    await open?.browser.close();
    await stop(server?.child);
  });

  test("it starts from a form whose fields are the settings of the schema", { timeout: 120_000 }, async () => {
    const { page } = open;
    await page.getByText("No runs yet.").waitFor();
    expect(page.url()).not.toContain("token");
    await page.getByRole("link", { name: "Start a run" }).click();
    await page.getByRole("textbox", { name: "Pictures", exact: true }).fill("shapes");
    await page.getByLabel("Name").fill("first");
    await page.getByText("All other settings").click();
    for (const [key, value] of Object.entries(settings)) {
      const field = page.locator(`[id="setting ${key}"]`);
      if (key === "precision") await field.selectOption(value);
      else await field.fill(value);
    }
    await page.locator('[id="setting epochs"]').fill("0");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByText(/epochs 0: null or a whole number of 1 or more is needed/).waitFor({ timeout: 60_000 });
    await page.locator('[id="setting epochs"]').fill(settings.epochs!);
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("heading", { name: "first" }).waitFor({ timeout: 90_000 });
    await isAt("training");
  });

  test("its matrix moves, and its curve grows, while it trains", async () => {
    const { page } = open;
    await page.locator("canvas.matrix").waitFor({ timeout: 30_000 });
    const before = await pictureOf(page, "canvas.matrix");
    await expect.poll(() => pictureOf(page, "canvas.matrix"), { timeout: 30_000 }).not.toBe(before);
    const spoken = () => page.locator('.chart [role="img"]').first().getAttribute("aria-label");
    const then = await spoken();
    expect(then).toMatch(/^Loss above its floor, to step \d+: above its floor/);
    await expect.poll(spoken, { timeout: 30_000 }).not.toBe(then);
  });

  test("λ changes at the next step, and what may not be is refused in the run's words", async () => {
    const { page } = open;
    await page.getByRole("link", { name: "Steer" }).click();
    await page.getByLabel("Setting", { exact: true }).selectOption("lambda");
    await page.getByLabel("New value").fill("0.05");
    await page.getByRole("button", { name: "Change" }).click();
    await page.getByText(/step \d+: set lambda: 0\.0051 → 0\.05/).waitFor({ timeout: 30_000 });
    await page.getByLabel("New value").fill("7");
    await page.getByRole("button", { name: "Change" }).click();
    await page
      .getByText(/lambda 7: a number above 0 and at most 1 is needed/)
      .first()
      .waitFor({ timeout: 30_000 });
    expect(readChanges(first)).toMatchObject([{ via: "page", changes: [{ key: "lambda", from: 0.0051, to: 0.05 }] }]);
    const acts = readLog(first).filter(({ event }) => event === "act");
    expect(acts).toMatchObject([
      { act: "set", who: expect.any(String), via: "page", time: expect.any(String) },
      { act: "refused" },
    ]);
  });

  test("it stops after saving, and is forked at a checkpoint with another λ", { timeout: 120_000 }, async () => {
    const { page } = open;
    await page.getByRole("button", { name: "Stop after saving" }).click();
    await isAt("stopped");
    await page.getByLabel("Settings that differ, one a line").fill("lambda = 0.2");
    await page.getByLabel("Name of the new run").fill("second");
    await page.getByRole("button", { name: "Fork" }).click();
    await page.getByRole("heading", { name: "second", exact: true }).waitFor({ timeout: 90_000 });
    await page.getByRole("link", { name: "Steer" }).click();
    await page.getByRole("button", { name: "Stop after saving" }).click();
    await isAt("stopped");
  });

  test("it goes on where it was, and two runs are compared", { timeout: 180_000 }, async () => {
    const { page } = open;
    await page.getByRole("link", { name: "Runs" }).click();
    await page.getByRole("link", { name: "first" }).click();
    await page.getByRole("link", { name: "Steer" }).click();
    await page.getByRole("button", { name: "Resume" }).click();
    await isAt("training");
    await page.getByRole("button", { name: "Stop after saving" }).click();
    await isAt("stopped");
    await page.getByRole("link", { name: "Runs" }).click();
    for (const name of ["first", "second"]) await page.getByLabel(`compare ${name}`).check();
    await page.getByRole("button", { name: "Compare 2 runs" }).click();
    await page.getByRole("heading", { name: "Loss" }).waitFor();
    const row = page.locator("tr", { has: page.getByRole("cell", { name: "lambda", exact: true }) });
    expect((await row.locator("td").allTextContents()).sort()).toEqual(["0.05", "0.2", "lambda"]);
  });

  test("played again from its log it comes to the same bits", { timeout: 180_000 }, async () => {
    const { step } = loadNewestCheckpoint(first, () => {}).state;
    const out = join(root, "again");
    const again = await replayRun(first, undefined, [], { out, command: "replay", warn: () => {} });
    await train({ ...again, isStopping: stopAfter(step) });
    expect(bitsOf(out)).toBe(bitsOf(first));
  });

  test("the studio draws a recipe by the kernels that train, anew when a slider moves", {
    timeout: 120_000,
  }, async () => {
    const { page } = open;
    const pictures = join(root, "..", "pictures");
    await putClasses(pictures, 12, []);
    await page.getByRole("link", { name: "Augmentations" }).click();
    await page.getByRole("textbox", { name: "Pictures", exact: true }).fill(pictures);
    await page.getByRole("button", { name: "Open" }).click();
    await page
      .getByRole("img", { name: /^view 2 of / })
      .first()
      .waitFor({ timeout: 90_000 });
    const drawn = () =>
      page
        .getByRole("img", { name: /^view 1 of / })
        .first()
        .evaluate((tile) => (tile as unknown as { style: { backgroundImage: string } }).style.backgroundImage);
    const before = await drawn();
    await page
      .getByLabel(/^grayscale/)
      .first()
      .fill("1");
    await expect.poll(drawn, { timeout: 30_000 }).not.toBe(before);
    await page.getByRole("button", { name: "Copy as recipe" }).click();
    await page.getByText('"grayscale": 1').first().waitFor();
  });

  test("it asked nobody else, and nothing went wrong in it", () => {
    expect(new Set(open.asked.map((url) => new URL(url).origin)).size).toBe(1);
    expect(open.problems).toEqual([]);
  });

  test("a page that only looks offers no act, and its server takes none", async () => {
    const looking = await startUi(root, "--read-only");
    const other = await openPage(looking.url);
    await other.page.getByRole("link", { name: "first" }).click();
    await other.page.getByRole("link", { name: "Record" }).waitFor();
    expect(await other.page.getByRole("link", { name: /Steer|Start a run/ }).count()).toBe(0);
    const refused = await other.page.evaluate(
      'fetch("/api/start", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }).then((answer) => answer.json())',
    );
    expect(refused).toMatchObject({ kind: "unsafe", error: expect.stringMatching(/only looks/) });
    await goTo(other.page, "/");
    await other.browser.close();
    await stop(looking.child);
  });
});
