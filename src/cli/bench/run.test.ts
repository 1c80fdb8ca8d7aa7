import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { methods } from "../../methods/index.ts";
import { liveTensors, threads } from "../../torch/index.ts";
import type { BenchOptions, BenchResult, PartOfTime } from "./figures.ts";
import { bench } from "./run.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bench-"));
  mkdirSync(join(folder, "photos"));
  for (let i = 0; i < 5; i++)
    await sharp({ create: { width: 40, height: 30, channels: 3, background: { r: 50 * i, g: 90, b: 20 } } })
      .jpeg()
      .toFile(join(folder, "photos", `${i}.jpg`));
});
afterAll(() => rmSync(folder, { recursive: true }));

const tiny: BenchOptions = {
  backbone: "resnet18",
  width: 2,
  size: 8,
  batch: 4,
  projector: "6-5",
  features: 7,
  precision: "fp32",
  device: "cpu",
  steps: 3,
};

/** What the command prints, line by line. */
async function printed(what: string, options: Partial<BenchOptions & { json: true }>): Promise<string[]> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  try {
    await bench(what, { ...tiny, ...options });
  } finally {
    log.mockRestore();
  }
  return lines;
}

async function figures(what: string, options: Partial<BenchOptions> = {}): Promise<BenchResult> {
  const lines = await printed(what, { ...options, json: true });
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!);
}

const sources = { step: {}, profile: {}, loss: {}, augment: {}, decode: { data: true }, pipeline: { data: true } };

for (const [what, { data }] of Object.entries<{ data?: boolean }>(sources))
  test(`${what} prints one line of JSON whose figures agree`, async () => {
    const result = await figures(what, data ? { data: join(folder, "photos") } : {});
    expect(result.what).toBe(what);
    expect(result.minSeconds).toBeGreaterThan(0);
    expect(result.minSeconds).toBeLessThanOrEqual(result.medianSeconds);
    expect(result.medianSeconds).toBeLessThanOrEqual(result.maxSeconds);
    expect(result.imagesPerSecond).toBeCloseTo(4 / result.medianSeconds, 6);
    expect(result).toMatchObject({ batch: 4, threads: threads(), libtorch: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(result.peakResidentMiB).toBeGreaterThan(20);
  });

test("step says what it measured, and holds no more tensors after more steps", async () => {
  const [few, many] = [await figures("step", { steps: 1 }), await figures("step", { steps: 6 })];
  expect(few).toMatchObject({
    backbone: "resnet18",
    width: 2,
    size: 8,
    projector: "6-5",
    precision: "fp32",
    device: "cpu",
  });
  expect(many.liveTensors).toBe(few.liveTensors);
});

for (const method of Object.keys(methods))
  test(`step runs ${method} with the heads of its recipe`, async () => {
    const batch = method === "moco-v2" ? 16 : 4; // two images for each of its groups of batch norm
    const result = await figures("step", { method, projector: undefined, steps: 1, batch });
    expect(result).toMatchObject({ what: "step", method, batch, size: 8 });
    expect(liveTensors().live).toBe(0);
  });

test("step refuses a method that is not there, and names the nearest", async () => {
  await expect(figures("step", { method: "simsam" })).rejects.toThrow(/method.*simsam.*simsiam/s);
});

test("profile shares the step out among its parts, on noise and on files", async () => {
  for (const given of [{}, { data: join(folder, "photos") }, { method: "supervised", projector: undefined }]) {
    const result = await figures("profile", given);
    const parts = ["dataWait", "views", "forward", "loss", "backward", "update"].map(
      (part) => result[part] as PartOfTime,
    );
    for (const { milliseconds } of parts) expect(milliseconds).toBeGreaterThan(0);
    expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    const sum = parts.reduce((total, { milliseconds }) => total + milliseconds, 0);
    expect(sum / 1000).toBeLessThanOrEqual(result.medianSeconds); // no moment is counted twice
  }
  expect(liveTensors().live).toBe(0);
});

test("profile's parts are lines of milliseconds and per cent", async () => {
  const lines = await printed("profile", {});
  expect(lines.find((line) => line.startsWith("views"))).toMatch(/^views +[\d.]+ ms +[\d.]+ %$/);
});

test("a folder with fewer pictures than the batch is measured in smaller batches", async () => {
  expect(await figures("decode", { data: join(folder, "photos"), batch: 64 })).toMatchObject({ batch: 5, images: 5 });
});

test("without --json each figure has a line", async () => {
  const lines = await printed("loss", {});
  expect(lines[0]).toMatch(/^what +loss$/);
  expect(lines.filter((line) => /^\w+ +\S+$/.test(line))).toHaveLength(lines.length);
});

test.each([
  ["tempo", {}, "one of step, profile, augment, decode, loss, pipeline is needed"],
  ["constructor", {}, "one of step"],
  ["step", { backbone: "resnet19" }, "resnet18"],
  ["step", { projector: "12-x" }, "widths of 1 to 8 layers"],
  ["decode", {}, "give --data FOLDER"],
])("%s %j is refused as a configuration", async (what, options, sentence) => {
  await expect(printed(what, options)).rejects.toMatchObject({
    kind: "configuration",
    message: expect.stringContaining(sentence),
  });
});
