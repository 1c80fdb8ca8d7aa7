// A detector that several processes train: the very step of one process on the whole batch, and a run that one of them may go on with.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keyedStream } from "../src/random.ts";
import { checkpointNames, readLog } from "../src/train/index.ts";
import type { RunJob, RunOutcome, StepJob, StepOutcome } from "./detector-member.ts";
import { type Member, runMembers, startAllIn, startIn } from "./process-jobs.ts";
import { smallRun } from "./small-run.ts";
import { tinyDetector } from "./tiny-run.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-detectors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Noise of three sizes with a square each, as a flat ground is one value that rounding flips everywhere; the first ones show but a speck, which is too small to be learned. */
async function drawSquares(name: string, count: number, specks = 0): Promise<string> {
  const path = join(folder, name);
  mkdirSync(join(path, "images"), { recursive: true });
  const images = Array.from({ length: count }, (_, i) => {
    const [width, height] = [40 + 8 * (i % 3), 32 + 6 * ((i + 1) % 3)];
    return { id: i + 1, file_name: `${10 + i}.png`, width, height };
  });
  const annotations = images.map(({ id }) => {
    const side = id <= specks ? 0.4 : 10 + (id % 5);
    const [x, y] = [2 + ((3 * id) % 18), 1 + ((5 * id) % 12)];
    const corners = [x, y, x + side, y, x + side, y + side, x, y + side];
    const area = side * side;
    return { id, image_id: id, category_id: 7, iscrowd: 0, area, bbox: [x, y, side, side], segmentation: [corners] };
  });
  for (const [i, { width, height, file_name }] of images.entries()) {
    const next = keyedStream(count, i);
    const pixels = Uint8Array.from({ length: 3 * width * height }, () => 120 * next());
    const [x, y, side] = annotations[i]!.bbox.map(Math.ceil) as [number, number, number, number];
    const square = { create: { width: side, height: side, channels: 3, background: "orange" } } as const;
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .composite([{ input: square, left: x, top: y }])
      .png()
      .toFile(join(path, "images", file_name));
  }
  const categories = [{ id: 7, name: "square" }];
  writeFileSync(join(path, "instances.json"), JSON.stringify({ images, annotations, categories }));
  return path;
}

/** What each of so many processes came to. */
async function outcomesOf<T>(jobs: readonly (StepJob | RunJob)[], size: number): Promise<Record<string, T>[]> {
  const out = join(folder, `${Math.random()}`);
  await runMembers("detector-member.ts", [JSON.stringify(jobs), out], size);
  return Array.from({ length: size }, (_, rank) => JSON.parse(readFileSync(`${out}-${rank}.json`, "utf8")));
}

const length = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** ‖a − b‖ / ‖b‖. */
function difference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return length(a.map((value, i) => value - b[i]!)) / length(b);
}

const digestOf = (outcome: StepOutcome): string => createHash("sha256").update(JSON.stringify(outcome)).digest("hex");

describe("a step", () => {
  let data: string;
  /** Five pictures are two and three, or one, two and two; the first three show nothing to learn. */
  const jobsOn = (path: string): StepJob[] =>
    (
      [
        { name: "detect", task: "detect", places: [3, 4, 5, 6, 7] },
        { name: "segment", task: "segment", places: [3, 4, 5, 6, 7] },
        { name: "nothing to find in the first process", task: "segment", places: [0, 1, 5, 6, 7] },
        { name: "no box in the first process", task: "segment", places: [0, 1, 5, 6, 7], hasNoProposals: true },
        { name: "no box at all", task: "segment", places: [0, 1, 2], hasNoProposals: true },
      ] satisfies Partial<StepJob>[]
    ).map((job) => ({ kind: "step", data: path, settings: {}, ...job }) as StepJob);
  const names = jobsOn("").map(({ name }) => name);
  let one: Record<string, StepOutcome>;
  let reversed: Record<string, StepOutcome>;

  beforeAll(async () => {
    data = await drawSquares("steps", 8, 3);
    const opposite = jobsOn(data).map((job) => ({ ...job, name: `${job.name}*`, places: job.places.toReversed() }));
    one = (await outcomesOf<StepOutcome>([...jobsOn(data), ...opposite], 1))[0]!;
    reversed = Object.fromEntries(names.map((name) => [name, one[`${name}*`]!]));
  }, 120_000);

  /** Or thrice what the opposite order does to one process: deep networks of four channels make much of rounding. */
  const mostDifference = 5e-5;

  function expectSame(found: StepOutcome, name: string): void {
    const expected = one[name]!;
    expect(Object.keys(found.losses)).toEqual(Object.keys(expected.losses));
    for (const [part, loss] of Object.entries(expected.losses))
      expect(Math.abs(found.losses[part]! - loss) / Math.max(1, loss), part).toBeLessThan(1e-5);
    expect(length(expected.gradient)).toBeGreaterThan(0);
    for (const part of ["gradient", "moves", "statistics", "precise"] as const) {
      const rounding = 3 * difference(reversed[name]![part], expected[part]);
      expect(rounding, part).toBeLessThan(1e-3); // else it would show nothing
      expect(difference(found[part], expected[part]), part).toBeLessThan(Math.max(mostDifference, rounding));
    }
  }

  describe.each([2, 3])("of %i processes", (size) => {
    let all: Record<string, StepOutcome>[];
    beforeAll(async () => {
      all = await outcomesOf<StepOutcome>(jobsOn(data), size);
    }, 120_000);

    it.each(names)("is that of one: %s", (name) => expectSame(all[0]![name]!, name));

    it.each(names)("leaves all with the same bits: %s", (name) => {
      expect(new Set(all.map((own) => digestOf(own[name]!))).size).toBe(1);
    });
  });
});

const tiny = { ...tinyDetector, batchSize: 5, anchorSizes: [20], checkpointEverySteps: 3 };

describe("a run of two processes", () => {
  let common: Pick<RunJob, "kind" | "source" | "data">;
  let cut: string;
  const optionsFor = (name: string, set: object = {}): RunJob["options"] => ({
    ...{ out: join(folder, name), steps: 6, set: { ...tiny, ...set }, precision: "fp32", split: "train" },
  });
  const inFolder = (name: string, more: Partial<RunJob> = {}): RunJob => ({
    ...common,
    ...{ name, task: "segment", options: optionsFor(more.name ?? name), ...more },
  });
  let one: Record<string, RunOutcome>;
  let two: Record<string, RunOutcome>[];
  let after: Record<string, RunOutcome>;

  beforeAll(async () => {
    common = { kind: "run", source: smallRun(folder).folder, data: await drawSquares("squares", 12) };
    cut = await drawSquares("cut", 12);
    for (const number of [11, 15, 19]) truncateSync(join(cut, "images", `${number}.png`), 200);
    const alone = [
      inFolder("one"),
      inFolder("one detect", { task: "detect" }),
      inFolder("one cut", { data: cut, task: "detect" }),
    ];
    one = (await outcomesOf<RunOutcome>(alone, 1))[0]!;
    const together = [
      inFolder("two"),
      inFolder("two detect", { task: "detect" }),
      inFolder("two cut", { data: cut, task: "detect" }),
      inFolder("stopped", { stop: { rank: 1, at: 4 } }),
      inFolder("again", { options: optionsFor("one") }),
      inFolder("too many", { options: optionsFor("too many", { batchSize: 1 }) }),
      inFolder("other", { options: optionsFor("one", { sampledBoxes: 9 }) }),
      inFolder("lost", { options: optionsFor("lost", { learningRate: 1e18, warmupFactor: 1, warmupSteps: 0 }) }),
    ];
    two = await outcomesOf<RunOutcome>(together, 2);
    after = (await outcomesOf<RunOutcome>([inFolder("stopped"), inFolder("two")], 1))[0]!;
  }, 240_000);

  /** Parts and sum of every step's loss. */
  function lossesIn(name: string): number[][] {
    const steps = readLog(join(folder, name)).filter((event) => event.event === "step");
    return steps.map((event) => [event.step, event.loss, event.objectness!, event.class!, event.box!, event.mask ?? 0]);
  }

  function expectLosses(name: string, expected: string): void {
    const [found, wanted] = [lossesIn(name), lossesIn(expected)];
    expect(found.length).toBe(6);
    for (const [step, parts] of found.entries())
      for (const [i, loss] of parts.entries()) expect(Math.abs(loss - wanted[step]![i]!), `${step}`).toBeLessThan(1e-4);
  }

  it.each(["", " detect", " cut"])("writes the losses of one%s, and all report the same", (which) => {
    expectLosses(`two${which}`, `one${which}`);
    const [first, second] = two.map((own) => own[`two${which}`]!.report!);
    expect(second).toEqual(first);
    expect(first!.data).toEqual(one[`one${which}`]!.report!.data);
    const starts = readLog(join(folder, `two${which}`)).filter((event) => event.event === "start");
    expect(starts[0]!.processes).toBe(2);
  });

  it("finds what one finds, and the first process alone tells of it", () => {
    const [first, second] = two.map((own) => own.again!);
    const { seconds: _, ...figures } = first!.report!;
    const { seconds: __, ...expected } = one.one!.report!;
    expect(figures).toEqual(expected);
    expect([first!.progress, second!.progress]).toEqual([[8, first!.report!.data.testImages], []]);
  });

  it("leaves out in all what one cannot read, and says it once", () => {
    const nameOf = /1[159]\.png/;
    const told = (name: string) =>
      readLog(join(folder, name)).flatMap((event) =>
        event.event === "warning" ? (nameOf.exec(event.message) ?? []) : [],
      );
    expect(told("two cut").sort()).toEqual(told("one cut").sort());
    expect(told("two cut").length).toBeGreaterThan(1);
    const [first, second] = two.map((own) => own["two cut"]!.warnings.flatMap((line) => nameOf.exec(line) ?? []));
    expect(first!.sort()).toEqual(one["one cut"]!.warnings.flatMap((line) => nameOf.exec(line) ?? []).sort());
    expect(second).toEqual([]);
  });

  it("stops in both after the step when one is asked to, saved; one process goes on to the numbers of an unbroken run", () => {
    for (const { stopped } of two) {
      expect(stopped!.error).toMatchObject({
        kind: "configuration",
        message: expect.stringMatching(/stopped on request after step 3 and saved/),
      });
      expect(stopped!.wishes).toBe(1);
    }
    expect(after.stopped!.error).toBeUndefined();
    expectLosses("stopped", "one");
    expect(checkpointNames(join(folder, "stopped"))[0]).toBe("step-0000006");
  });

  it("is measured by one process as by two", () => {
    expect(after.two!.report!.boxes).toEqual(two[0]!.two!.report!.boxes);
    expect(after.two!.report!.masks).toEqual(two[0]!.two!.report!.masks);
  });

  it("is refused alike in both, and nothing is made", () => {
    for (const { "too many": many, other, lost } of two) {
      expect(many!.error).toEqual({
        kind: "configuration",
        message:
          "evaluate segment: a batch of 1 for 2 processes; each needs a picture at least; raise batchSize, or use fewer processes",
      });
      expect(other!.error).toMatchObject({
        kind: "configuration",
        message: expect.stringMatching(/holds another detector \(sampledBoxes 8 -> 9\)/),
      });
      expect(lost!.error).toMatchObject({ kind: "numerics", message: expect.stringMatching(/finite/) });
    }
    expect(existsSync(join(folder, "too many"))).toBe(false);
    expect(checkpointNames(join(folder, "lost"))).toEqual(["step-0000000"]);
  });
});

it("as a command: one of two is asked to stop, both end with the code of that, and one process goes on", async () => {
  await drawSquares("command", 8);
  const words = ["evaluate", "detect", "untrained", "--data", "command", "--split", "train", "--precision", "fp32"];
  words.push("--set", "batchSize=3", "--steps", "20000", "--out", "by-command");
  const learning = async ({ child, output }: Member) => {
    while (!output().includes("\nstep ") && child.exitCode === null) await new Promise((next) => setTimeout(next, 50));
    return child;
  };
  const newest = () => checkpointNames(join(folder, "by-command"))[0]!;
  const [first, second] = (await startAllIn(folder, [...words, "--deadline", "60"], 2)) as [Member, Member];
  await learning(first);
  second.child.kill("SIGTERM");
  expect([await first.end, await second.end], first.output()).toEqual([143, 143]);
  expect(first.output()).toMatch(/stopped on request after step \d+ and saved/);
  const saved = newest();
  const again = startIn(folder, words);
  (await learning(again)).kill("SIGTERM");
  expect(await again.end).toBe(143);
  expect(newest() > saved).toBe(true);
}, 180_000);
