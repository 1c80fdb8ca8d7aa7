// U-05: folders that somebody else made. What is in them is shown as text or left out; nothing outside is read, and nobody waits long.
import { closeSync, ftruncateSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ObservationsAnswer, RunDetails, RunList, SeriesAnswer } from "../../src/serve/answers.ts";
import { observationsOf } from "../../src/serve/folder/observations.ts";
import { registry } from "../../src/serve/folder/registry.ts";
import { eventsIn, lineReader } from "../../src/serve/log/lines.ts";
import { stepSeries } from "../../src/serve/log/series.ts";
import { drawRun, logLines } from "../drawn-run.ts";
import { scratchFolder } from "../tiny-run.ts";
import { raw, requestText, serve } from "./server.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

/** Asks a server of a folder; closes it afterwards. */
async function asking<T>(
  root: string,
  use: (get: <Of>(target: string) => Promise<Of>, list: RunList) => Promise<T>,
): Promise<T> {
  const listening = await serve(root);
  try {
    const get = async <Of>(target: string) => {
      const { status, headers, body } = await raw(listening.port, requestText(listening.port, { target }), {
        waitMs: 20_000,
      });
      expect(status).toBe(200);
      const text = /transfer-encoding: chunked/i.test(headers) ? body.replace(/(^|\r\n)[0-9a-f]+\r\n/g, "") : body;
      return JSON.parse(Buffer.from(text, "latin1").toString("utf8")) as Of;
    };
    return await use(get, await get<RunList>("/api/runs"));
  } finally {
    await listening.close();
  }
}

describe("a hostile run", () => {
  it("with nothing right in its files is listed as damaged, and its page opens", async () => {
    const root = scratch.next();
    const run = join(root, "<script>alert(1)</script>");
    mkdirSync(join(run, "observations"), { recursive: true });
    for (const name of ["run.json", "log.jsonl", "lock", "changes.jsonl"])
      writeFileSync(join(run, name), '{"settings":[1],\u0000');
    for (const name of ["index.json", "steps.jsonl", "map.jsonl", "sample.json", "sample.webp"])
      writeFileSync(join(run, "observations", name), '{"bins":1e9}\n[]\n');
    await asking(root, async (get, { runs }) => {
      expect(runs).toMatchObject([
        { name: "<script>alert(1)</script>", state: "damaged", method: null, light: { colour: "dark" } },
      ]);
      const { id } = runs[0]!;
      expect(await get<RunDetails>(`/api/run/${id}`)).toMatchObject({ settings: null, checkpoints: [] });
      expect(await get<SeriesAnswer>(`/api/run/${id}/series`)).toMatchObject({ steps: [], figures: {} });
      expect(await get<ObservationsAnswer>(`/api/run/${id}/observations`)).toMatchObject({
        index: null,
        steps: [],
        map: [],
      });
    });
  });

  it("is read no further than its folder, whatever its links and settings say", async () => {
    const root = join(scratch.next(), "runs");
    const secret = join(root, "..", "secret");
    await drawRun(secret, {
      settings: { method: "CANARY" },
      more: ['{"event":"warning","step":9,"message":"CANARY"}'],
    });
    const run = join(root, "run");
    mkdirSync(run, { recursive: true });
    writeFileSync(
      join(run, "run.json"),
      JSON.stringify({
        settings: { method: "x", views: "../../secret" },
        data: "/etc/passwd",
        from: { source: "/etc/passwd" },
      }),
    );
    for (const name of ["log.jsonl", "changes.jsonl", "lock", "observations", "checkpoints"])
      symlinkSync(join(secret, name), join(run, name));
    symlinkSync(secret, join(root, "linked"));
    await asking(root, async (get, { runs }) => {
      expect(runs.map(({ name }) => name)).toEqual(["run"]);
      const answers = await Promise.all(
        ["", "/series", "/observations"].map((part) => get<unknown>(`/api/run/${runs[0]!.id}${part}`)),
      );
      expect(JSON.stringify(answers)).not.toMatch(/CANARY|root:/);
      expect(answers[2]).toMatchObject({ index: null, steps: [], sample: null });
    });
  });

  it("whose files are FIFOs or devices is waited for by nobody", async () => {
    const root = scratch.next();
    mkdirSync(join(root, "run"), { recursive: true });
    writeFileSync(join(root, "run", "run.json"), "{}");
    symlinkSync("/dev/zero", join(root, "run", "log.jsonl"));
    await asking(root, async (get, { runs }) =>
      expect(await get<SeriesAnswer>(`/api/run/${runs[0]!.id}/series`)).toMatchObject({ steps: [] }),
    );
  });

  it("with numbers of any size and kind gives numbers or null", async () => {
    const root = scratch.next();
    const odd = ["1e308", "-1e308", "null", '"1"', "[1]", "true", "1e999", '{"a":1e308,"b":{"c":1}}'];
    const lines = odd.map(
      (value, i) => `{"event":"step","step":${i + 1},"loss":${value},"__proto__":${value},"constructor":3}`,
    );
    await drawRun(join(root, "run"), { steps: 1, isObserved: false, more: lines });
    await asking(root, async (get, { runs }) => {
      const { figures, steps } = await get<SeriesAnswer>(`/api/run/${runs[0]!.id}/series`);
      expect(steps.length).toBe(9);
      for (const { mean } of Object.values(figures))
        for (const value of mean) expect(value === null || Number.isFinite(value)).toBe(true);
      expect(({} as { a?: unknown }).a).toBeUndefined();
    });
  });
});

describe("a log", () => {
  it("of half lines, cut anywhere and in any pieces, gives the whole ones once each", () => {
    const text = Buffer.from(`${logLines(20).join("\n")}\n{"event":"step","step":21,"loss":`);
    const whole = eventsIn(text).length;
    for (const piece of [1, 2, 7, 64, 1000, text.length]) {
      const reader = lineReader();
      const events = [];
      for (let at = 0; at < text.length; at += piece) events.push(...reader.take(text.subarray(at, at + piece)));
      expect(events.length).toBe(whole);
      expect(reader.pending).toBe('{"event":"step","step":21,"loss":'.length);
    }
  });

  it("of one line without an end takes no memory", () => {
    const reader = lineReader();
    for (let i = 0; i < 500; i++) expect(reader.take(Buffer.alloc(1 << 16, 0x61))).toEqual([]);
    expect(reader.take(Buffer.from('"}\n{"event":"end","step":3}\n'))).toEqual([{ event: "end", step: 3 }]);
  });

  it("of a hundred gigabytes is read in parts, and its end is there", { timeout: 60_000 }, async () => {
    const root = scratch.next();
    await drawRun(join(root, "run"), { steps: 400, isObserved: false });
    const path = join(root, "run", "log.jsonl");
    const file = openSync(path, "r+");
    const size = 100 * 2 ** 30; // no such room is taken: it is full of holes
    ftruncateSync(file, size);
    writeSync(file, '\n{"event":"step","step":1000000000,"loss":0.5}\n', size);
    closeSync(file);
    const runs = registry(root);
    const { id } = (await runs.list()).runs[0]!;
    const log = await runs.log((await runs.find(id))!);
    expect(log.isSampled).toBe(true);
    expect(log.series.binned().steps.at(-1)).toBe(1e9);
    expect((await runs.list()).runs[0]).toMatchObject({ step: 1e9, loss: 0.5 });
  });
});

describe("the bins of a series", () => {
  it("hold the mean, least and greatest of 1,000,000 steps as a plain sum over them does", () => {
    const series = stepSeries(64);
    const values = Float64Array.from({ length: 1_000_000 }, (_, i) => Math.sin(i / 1000) + (i % 7));
    for (const [i, value] of values.entries()) series.add(i + 1, { loss: value });
    const { steps, stepsPerBin, figures } = series.binned();
    expect(stepsPerBin).toBe(2 ** Math.ceil(Math.log2(1_000_000 / 64)));
    expect(steps.length).toBe(Math.ceil(1_000_000 / stepsPerBin));
    for (const [bin, last] of steps.entries()) {
      const own = values.subarray(bin * stepsPerBin, last);
      expect(figures.loss!.mean[bin]).toBeCloseTo(own.reduce((sum, value) => sum + value, 0) / own.length, 4);
      expect(figures.loss!.low![bin]).toBeCloseTo(Math.min(...own), 4);
      expect(figures.loss!.high![bin]).toBeCloseTo(Math.max(...own), 4);
    }
  });

  it("forget what a resume does again, and take it anew", () => {
    const series = stepSeries(64);
    for (let step = 1; step <= 50; step++) series.add(step, { loss: 1 });
    series.dropAfter(20);
    for (let step = 21; step <= 30; step++) series.add(step, { loss: 2 });
    const { steps, figures } = series.binned();
    expect(steps).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(figures.loss!.mean).toEqual([...Array(20).fill(1), ...Array(10).fill(2)]);
  });

  it("keep 64 figures of a log that names a million", () => {
    const series = stepSeries(64);
    for (let i = 0; i < 1000; i++) series.add(i, { [`figure ${i}`]: 1 });
    expect(Object.keys(series.binned().figures)).toHaveLength(64);
  });
});

it("ten thousand folders without a run, and a folder within itself, are looked through to a bound", async () => {
  const root = scratch.next();
  for (let i = 0; i < 10_000; i++) mkdirSync(join(root, "empty", String(i)), { recursive: true });
  symlinkSync(root, join(root, "self"));
  await drawRun(join(root, "run"), { isObserved: false });
  const { runs, isCut } = await registry(root).list();
  expect([runs.map(({ name }) => name), isCut]).toEqual([["run"], false]);
});

it("observations that fit are read as they were written", async () => {
  const folder = scratch.next();
  await drawRun(folder, { steps: 100 });
  const { index, steps, map, sample, views } = observationsOf(folder);
  expect([index!.bins, steps.length, map.length, sample!.names!.length, views!.views]).toEqual([16, 10, 4, 60, 2]);
});
