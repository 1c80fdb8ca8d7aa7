// The page of `selfsight page` in a real browser: what it finds is what the library finds, and it asks nobody else.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRun } from "../src/work/index.ts";
import { writePage } from "../src/work/page/page.ts";
import { blue, jpegOf, putClasses, red } from "./drawn-pictures.ts";
import { smallRun } from "./small-run.ts";
import { scratchFolder } from "./tiny-run.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const scratch = scratchFolder();
afterAll(scratch.remove);

describe.skipIf(!existsSync(executablePath))("selfsight page, in Chromium", () => {
  let [run, photos, site, query] = ["", "", "", ""];
  let browser: Browser;
  let page: Page;
  let server: ReturnType<typeof spawn>;
  const asked: string[] = [];
  const problems: string[] = [];

  beforeAll(async () => {
    const parent = scratch.next();
    mkdirSync(parent, { recursive: true });
    run = smallRun(parent, { width: 8 }).folder;
    photos = join(parent, "photos <b>");
    await putClasses(photos, 24, [5]); // one of them is cut short
    query = join(parent, "query.jpg");
    writeFileSync(query, await jpegOf(40, red));
    site = join(parent, "site");
    const written = await writePage(run, photos, { out: site, warn: () => {} });
    expect([written.pictures, written.badFiles.length]).toEqual([23, 1]);
    const arguments_ = ["page", run, "--data", photos, "--out", site, "--serve", "0"];
    server = spawn(process.execPath, [join(import.meta.dirname, "..", "bin", "selfsight.mjs"), ...arguments_]);
    const address = await addressIn(server);
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
    page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(address);
    await page.getByText(/Ready: 23 pictures/).waitFor();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    server?.kill("SIGTERM");
    if (server) await once(server, "exit");
  });

  test("a picture that is dropped in finds what the library finds", async () => {
    await page.locator("#file").setInputFiles(query);
    await page.getByText(/seen in \d+ ms, in this browser/).waitFor();
    const names = await page
      .locator("#nearest button")
      .evaluateAll((all) => all.map((one) => one.getAttribute("title")));
    const notes = await page.locator("#nearest .note").allTextContents();
    using model = openRun(run, { device: "cpu", precision: "fp32" });
    const index = await model.embedFolder(photos);
    const expected = index.nearest(await model.embed(query), 23);
    const similarity = new Map(expected.map((found) => [found.name, found.similarity]));
    expect(names.length).toBe(18);
    for (const [i, name] of names.entries())
      expect(Math.abs(similarity.get(name!)! - Number(notes[i]))).toBeLessThan(0.01);
    expect(names.slice(0, 4).every((name) => name!.startsWith("a/"))).toBe(true); // the red ones
  });

  test("two classes of two pictures each sort all others, and the dropped one", async () => {
    const nameSome = async (name: string, folder: string) => {
      await page.locator("#class").fill(name);
      for (const place of [0, 1]) await page.locator(`#folder button[title^="${folder}/"]`).nth(place).click();
    };
    await nameSome("warm", "a");
    await nameSome("cold", "b");
    await page.getByText("4 named, 23 sorted.").waitFor();
    expect(await page.locator("#classes h3").allTextContents()).toEqual(["warm: 12", "cold: 11"]);
    await page
      .locator("#file")
      .setInputFiles({ name: "blue.jpg", mimeType: "image/jpeg", buffer: await jpegOf(41, blue) });
    await page.getByText(/Most like “cold”/).waitFor();
    await page.getByRole("button", { name: "Forget the classes" }).click();
    await page.getByText("No picture is named.").waitFor();
  });

  test("what is no picture is said, and the page stays", async () => {
    await page
      .locator("#file")
      .setInputFiles({ name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
    await page.getByText("note.txt cannot be read as a picture").waitFor();
  });

  test("it asks its own server alone, breaks no rule of its own, and works by keyboard on a phone", async () => {
    expect(new Set(asked.map((url) => new URL(url).origin)).size).toBe(1);
    expect(problems).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    await page.locator("#class").fill("");
    await page.locator("#folder button").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("#query").getByText("a/0.jpg").waitFor();
  });

  test("the server gives out what lies in the folder, to this machine alone", async () => {
    const origin = new URL(page.url()).origin;
    const statusOf = async (path: string, init: RequestInit = {}) => (await fetch(`${origin}${path}`, init)).status;
    expect([await statusOf("/"), await statusOf("/pictures.json")]).toEqual([200, 200]);
    for (const path of ["/../run/run.json", "/%2e%2e/run/run.json", "//etc/passwd", "/nothing", "/page"])
      expect(await statusOf(path)).toBe(404);
    expect(await statusOf("/", { method: "POST" })).toBe(404);
  });
});

/** The address that the program says. */
async function addressIn(server: ReturnType<typeof spawn>): Promise<string> {
  let said = "";
  for await (const chunk of server.stdout!) {
    said += chunk;
    const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(said);
    if (found) return found[0];
  }
  throw new Error(`no address in: ${said}`);
}
