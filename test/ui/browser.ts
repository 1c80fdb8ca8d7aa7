// Chromium on the live page: it notes what the page asks for and what goes wrong in it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

export const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const hasBrowser = existsSync(executablePath);

export interface OpenPage {
  browser: Browser;
  page: Page;
  /** Addresses that were asked for. */
  asked: string[];
  /** Errors of scripts and of the console; refusals of acts are expected and no part of it. */
  problems: string[];
}

/** Opens an address. */
export async function openPage(url: string): Promise<OpenPage> {
  const args = ["--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader"];
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  const [asked, problems]: [string[], string[]] = [[], []];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 400/.test(message.text())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url);
  return { browser, page, asked, problems };
}

/** Starts `selfsight ui` and gives the address that it says. */
export async function startUi(root: string, ...more: string[]): Promise<{ child: ChildProcess; url: string }> {
  const program = join(import.meta.dirname, "..", "..", "bin", "selfsight.mjs");
  const child = spawn(process.execPath, [program, "ui", root, "--port", "0", ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  for await (const piece of child.stdout!) {
    said += piece;
    const found = /http:\/\/\S+/.exec(said);
    if (found) return { child, url: found[0] };
  }
  throw new Error(`no address in: ${said}`);
}

export async function stop(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** The page's own way to go somewhere. */
export const goTo = (page: Page, place: string): Promise<unknown> =>
  page.evaluate(`location.hash = ${JSON.stringify(place)}`);

/** What of a canvas can be seen, as a text that differs when it does. */
export const pictureOf = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());

/** The same of what WebGL draws, which is gone from its canvas when it is shown. */
export const screenOf = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).first().screenshot()).toString("base64");
