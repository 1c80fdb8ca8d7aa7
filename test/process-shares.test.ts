// Evaluations, embeddings and comparisons by several processes: the result is that of one, whoever finds a bad picture, and one that is
// lost ends the others.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyedStream } from "../src/random.ts";
import { loadIndex } from "../src/work/index.ts";
import { type Member, startAllIn, startIn } from "./process-jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-shares-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deadline = ["--deadline", "60"];

const start = (words: readonly string[], environment?: Record<string, string>) => startIn(folder, words, environment);
const startAll = (words: readonly string[], size: number) => startAllIn(folder, words, size);

async function done(words: readonly string[], processes = 1): Promise<string> {
  const several = processes === 1 ? [] : ["--processes", `${processes}`, ...deadline];
  const member = start([...words, ...several]);
  expect([await member.end, member.output()]).toEqual([0, expect.anything()]);
  return member.output();
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 120_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("it did not happen within two minutes");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Two classes, so many pictures of each, the colours of one brighter. */
async function drawPhotos(path: string, count: number, bad: readonly number[] = []): Promise<string> {
  const next = keyedStream(count);
  for (const name of ["dark", "light"]) mkdirSync(join(path, name), { recursive: true });
  for (let i = 0; i < 2 * count; i++) {
    const pixels = Uint8Array.from({ length: 3 * 20 * 20 }, () => 200 * next() + (i % 2 === 0 ? 0 : 55));
    const file = join(path, i % 2 === 0 ? "dark" : "light", `${String(i).padStart(4, "0")}.png`);
    const picture = await sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } })
      .png()
      .toBuffer();
    writeFileSync(file, bad.includes(i) ? picture.subarray(0, picture.length / 2) : picture);
  }
  return path;
}

/** Rounds enough to be killed in. */
function copyPhoto(from: string, path: string, count: number): void {
  mkdirSync(path);
  const picture = readFileSync(from);
  for (let i = 0; i < count; i++) writeFileSync(join(path, `${i}.png`), picture);
}

const bad = [0, 3, 255, 256, 257, 300, 511, 598, 599];
const small = ["--precision", "fp32", "--set", "width=4", "--set", "projector=16-16", "--size", "16"];
const tiny = ["pretrain", "shapes", "--batch", "8", "--set", "limit=40", ...small, "--steps", "2"];

beforeAll(async () => {
  await done([...tiny, "--set", "knnEveryEpochs=0", "--out", "run"]);
  await drawPhotos(join(folder, "photos"), 300);
  await drawPhotos(join(folder, "mixed"), 300, bad);
  await drawPhotos(join(folder, "spoilt"), 100, [...Array(60).keys()]);
  await drawPhotos(join(folder, "few"), 1);
  copyPhoto(join(folder, "few", "dark", "0000.png"), join(folder, "many"), 5000);
}, 240_000);

async function indexOf(file: string) {
  const { features, names, notes } = await loadIndex(join(folder, file));
  return { features, names, badFiles: notes?.badFiles.map(({ name }) => name) };
}

async function expectSameIndex(file: string, expected: string): Promise<void> {
  const [found, one] = [await indexOf(file), await indexOf(expected)];
  expect([found.names, found.badFiles]).toEqual([one.names, one.badFiles]);
  const furthest = found.features.reduce((most, value, i) => Math.max(most, Math.abs(value - one.features[i]!)), 0);
  expect([found.features.length, furthest < 1e-6]).toEqual([one.features.length, true]);
}

describe.each([2, 3])("%i processes", (size) => {
  it.each(["photos", "mixed", "few"])(
    "embed to the rows of one, in their order: %s",
    async (data) => {
      if (!existsSync(join(folder, `${data}-1.safetensors`)))
        await done(["embed", "run", data, "--out", `${data}-1.safetensors`]);
      const said = await done(["embed", "run", data, "--out", `${data}-${size}.safetensors`], size);
      await expectSameIndex(`${data}-${size}.safetensors`, `${data}-1.safetensors`);
      expect(said.match(/decoding .*: /g)?.length ?? 0).toBe(data === "mixed" ? bad.length : 0);
    },
    120_000,
  );

  it("embed a part of the pictures, and the parts are the whole", async () => {
    const words = ["embed", "run", "photos", "--out", `part-${size}.safetensors`];
    for (const part of ["1/2", "2/2"]) await done([...words, "--shard", part], size);
    await expectSameIndex(`part-${size}.safetensors`, "photos-1.safetensors");
  }, 120_000);

  it.each([
    ["knn", ["--data", "mixed"]],
    ["linear", ["--data", "shapes", "--limit", "300", "--epochs", "3"]],
    ["linear", ["--data", "mixed", "--protocol", "imagenet", "--epochs", "2", "--batch", "100"]],
    ["transfer", ["--data", "shapes", "--limit", "200", "--schedule", "inat18", "--epochs", "2"]],
    ["robustness", ["--data", "mixed", "--pictures", "70", "--corruptions", "fog", "--strengths", "3"]],
    ["finetune", ["--data", "mixed", "--labels", "70-per-class", "--batch", "23", "--epochs", "2"]],
    ["finetune", ["--data", "photos", "--labels", "1-per-class", "--batch", "2", "--epochs", "2"]],
    ["finetune", ["--data", "shapes", "--limit", "200", "--labels", "1-per-class", "--batch", "8", "--epochs", "2"]],
  ])(
    "find the accuracies of one: %s %j",
    async (protocol, more) => {
      const words = ["evaluate", protocol, "run", "--json", ...more];
      expect(await figuresOf(words, size)).toEqual(await figuresOf(words, 1));
    },
    240_000,
  );

  it("find the spread of views of one", async () => {
    const words = ["evaluate", "unlabelled", "run", "--json", "--data", "mixed"];
    const [one, several] = [await figuresOf(words, 1), await figuresOf(words, size)];
    expect(several.data).toEqual(one.data);
    for (const figure of ["rankMe", "alignment", "uniformity"])
      expect(several[figure]).toBeCloseTo(one[figure] as number, 4);
  }, 120_000);
});

/** Without what depends on the clock. */
async function figuresOf(words: readonly string[], size: number): Promise<Record<string, unknown>> {
  const { seconds: _, ...figures } = JSON.parse((await done(words, size)).replace(/^[^{]*/, "")) as {
    seconds: unknown;
  };
  return figures;
}

it("end as one does where too many pictures are bad", async () => {
  const words = ["embed", "run", "spoilt", "--out", "spoilt.npy"];
  const [one, several] = [start(words), start([...words, "--processes", "2", ...deadline])];
  expect(await Promise.all([one.end, several.end])).toEqual([3, 3]);
  const reasonOf = ({ output }: Member) => output().match(/selfsight: reading .*; the last one: decoding \S+/g);
  expect(reasonOf(one)).toHaveLength(1);
  expect(reasonOf(several)).toEqual(reasonOf(one));
}, 120_000);

it("that learn: one that is killed ends the others with its name, and too many bad pictures end all of them as one", async () => {
  const words = ["evaluate", "finetune", "run", "--data", "photos", "--labels", "100-per-class", ...deadline];
  const [first, second] = (await startAll([...words, "--epochs", "100000"], 2)) as [Member, Member];
  await new Promise((resolve) => setTimeout(resolve, 15_000)); // they are at it for minutes
  second.child.kill("SIGKILL");
  expect(await first.end).toBe(7);
  expect(first.output()).toMatch(/process 1 \(.*, process \d+\) ended or did not answer; .*; start all of them again/);
  const spoilt = [
    "evaluate",
    "finetune",
    "run",
    "--data",
    "spoilt",
    "--labels",
    "70-per-class",
    "--processes",
    "2",
    ...deadline,
  ];
  const refused = start(spoilt);
  expect(await refused.end).toBe(3);
  expect(refused.output().match(/selfsight: reading .* files are bad/g)).toHaveLength(1);
}, 180_000);

/** Where the kernel tells a process's children. */
const childrenFile = (pid: number | undefined) => `/proc/${pid}/task/${pid}/children`;

/** The two processes that a command has started. */
async function startedBy({ child: { pid } }: Member): Promise<[number, number]> {
  const children = () => readFileSync(childrenFile(pid), "utf8").trim().split(" ").map(Number);
  await until(() => children().length === 2);
  return children() as [number, number];
}

it.skipIf(!existsSync(childrenFile(process.pid)))(
  "that learn end with whoever has started them",
  async () => {
    const words = [
      "evaluate",
      "finetune",
      "run",
      "--data",
      "photos",
      "--labels",
      "100-per-class",
      "--epochs",
      "100000",
    ];
    const starter = start([...words, "--processes", "2", ...deadline]);
    const [first, second] = await startedBy(starter);
    await new Promise((resolve) => setTimeout(resolve, 8000)); // they are at it
    starter.child.kill("SIGKILL");
    const isThere = (pid: number) => existsSync(`/proc/${pid}/exe`);
    await until(() => !isThere(first) && !isThere(second));
  },
  180_000,
);

it.skipIf(!existsSync(childrenFile(process.pid)))(
  "of which one is killed before they have met name it",
  async () => {
    const starter = start(["evaluate", "finetune", "run", "--data", "photos", "--processes", "2"]);
    const [, second] = await startedBy(starter);
    process.kill(second, "SIGKILL");
    expect(await starter.end).toBe(7);
    expect(starter.output()).toMatch(/2 processes: process 1 was ended by SIGKILL; all of them are needed; start all/);
  },
  60_000,
);

it("measure while they train what one measures", async () => {
  const words = [...tiny, "--set", "limit=200", "--steps", "1", "--set", "knnEveryEpochs=1"];
  await done([...words, "--out", "watched-1"]);
  await done([...words, "--out", "watched-3"], 3);
  const scoresOf = (run: string) =>
    eventsOf(run)
      .filter(({ event }) => event === "evaluation")
      .map(({ event, ...told }) => ({ ...told, seconds: 0 }));
  expect(scoresOf("watched-1")).toHaveLength(1);
  expect(scoresOf("watched-3")).toEqual(scoresOf("watched-1"));
}, 120_000);

const eventsOf = (run: string) =>
  readFileSync(join(folder, run, "log.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string });

/** How many parts of an embedding are on disk. */
const partsOf = (file: string): number => {
  const path = join(folder, `${file}.unfinished`, "done.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
};

describe("of several processes that embed", () => {
  const words = (out: string) => ["embed", "run", "many", "--out", out, ...deadline];

  it("one that is killed ends the others with its name, exit code 7, and one process goes on", async () => {
    const [first, second, third] = (await startAll(words("cut.npy"), 3)) as [Member, Member, Member];
    await until(() => partsOf("cut.npy") > 0);
    third.child.kill("SIGKILL");
    expect(await Promise.all([first.end, second.end])).toEqual([7, 7]);
    for (const { output } of [first, second])
      expect(output()).toMatch(/process 2 \(.*, process \d+\) ended or did not answer; .*; start all of them again/);
    const rest = start(words("cut.npy"));
    expect([await rest.end, rest.output()]).toEqual([0, expect.stringMatching(/goes on behind \d+ of 5000 pictures/)]);
    await done(["embed", "run", "many", "--out", "uncut.npy"]);
    await expectSameIndex("cut.npy", "uncut.npy");
  }, 300_000);

  it("one that is asked to stop stops all after the round, saved", async () => {
    const [first, second] = (await startAll(words("halted.npy"), 2)) as [Member, Member];
    await until(() => partsOf("halted.npy") > 0);
    second.child.kill("SIGTERM");
    expect(await Promise.all([first.end, second.end])).toEqual([143, 143]);
    expect(first.output()).toMatch(/stopped after \d+ embeddings, which are saved/);
  }, 240_000);
});

const plan = {
  title: "tiny",
  data: "shapes",
  base: {
    width: 4,
    stem: "small-stride-2",
    batchSize: 50,
    limit: 200,
    warmupEpochs: 0,
    precision: "fp32",
    projector: "16-16",
    checkpointEverySteps: 5,
  },
  rows: [{ method: "barlow-twins" }],
  seeds: [0, 1, 2],
  budget: { steps: 8 },
  evaluations: { knn: { k: 5 } },
};

describe("a comparison by two processes", () => {
  const words = (file: string, out: string) => ["compare", file, "--out", out, "--json", ...deadline];
  beforeAll(() => {
    writeFileSync(join(folder, "plan.json"), JSON.stringify(plan));
    writeFileSync(join(folder, "long.json"), JSON.stringify({ ...plan, budget: { steps: 100_000 } }));
    writeFileSync(join(folder, "timed.json"), JSON.stringify({ ...plan, budget: { minutes: 1 } }));
  });

  it("has the figures of one process, and repeats nothing", async () => {
    await done(words("plan.json", "alone"));
    const said = await done(words("plan.json", "shared"), 2);
    expect(said.match(/: done/g)).toHaveLength(3);
    const figuresOf = (out: string) => {
      const { rows } = JSON.parse(readFileSync(join(folder, out, "table.json"), "utf8")) as {
        rows: { figures: unknown; seeds: number[] }[];
      };
      return rows.map(({ figures, seeds }) => ({ figures, seeds }));
    };
    expect(figuresOf("shared")).toEqual(figuresOf("alone"));
    expect((await done(words("plan.json", "shared"), 2)).match(/: stands/g)).toHaveLength(3);
  }, 300_000);

  it("ends when one is killed, with its name and exit code 7", async () => {
    const [first, second] = (await startAll(words("long.json", "killed"), 2)) as [Member, Member];
    await until(() => first.output().includes("step "));
    second.child.kill("SIGKILL");
    expect(await first.end).toBe(7);
    expect(first.output()).toMatch(/process 1 \(.*\) ended or did not answer; .*finished cells stand/);
  }, 120_000);

  it("stops in both when one is asked to", async () => {
    const [first, second] = (await startAll(words("long.json", "stopped"), 2)) as [Member, Member];
    await until(() => first.output().includes("step "));
    second.child.kill("SIGTERM");
    expect(await Promise.all([first.end, second.end])).toEqual([143, 143]);
    expect(first.output()).toContain("stopped on request and saved");
  }, 120_000);

  it("refuses minutes", async () => {
    const refused = start([...words("timed.json", "timed"), "--processes", "2"]);
    expect(await refused.end).toBe(2);
    expect(refused.output()).toMatch(/budget of minutes, and several processes/);
  }, 60_000);
});
