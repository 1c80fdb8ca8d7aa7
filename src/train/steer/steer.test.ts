import fs, {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { bitsOf, newTinyRun, scratchFolder, stopAfter, tinySettings, trainTiny } from "../../../test/tiny-run.ts";
import { threads } from "../../torch/index.ts";
import { checkpointNames } from "../run/checkpoint.ts";
import { type ActEvent, type LogEvent, readLog } from "../run/log.ts";
import { changesPath, readChanges, recordChange, settingsAt, writeChanges } from "./changes.ts";
import { askOfRun, controlPath, type Wish } from "./request.ts";
import { wantedChanges } from "./steerable.ts";

const scratch = scratchFolder();
beforeAll(() => void threads(1));
afterAll(scratch.remove);

const every = { checkpointEverySteps: 1, keepCheckpoints: 100 };
const acts = (folder: string) => readLog(folder).filter((event): event is ActEvent => event.event === "act");

/** Trains and asks something behind the logged steps that are named. */
async function steered(
  wishes: Record<number, Wish | (() => void)>,
  settings = tinySettings(every),
  given: object = {},
) {
  const folder = scratch.next();
  newTinyRun(folder, settings);
  const onEvent = ({ event, step }: LogEvent) => {
    const wish = event === "step" ? wishes[step] : undefined;
    if (typeof wish === "function") wish();
    else if (wish) askOfRun(folder, wish);
  };
  const result = await trainTiny(folder, settings, { onEvent, controlEveryMilliseconds: 0, ...given });
  return { folder, settings, result };
}

const set = (settings: Record<string, unknown>): Wish => ({ act: "set", settings, via: "page" }) as Wish;

const steering = {
  3: set({ "optimizer.learningRate": 0.1, "optimizer.weightDecay": 0.01 }),
  5: set({ lambda: 0.02, "views.*.flip": 0, "views.1.jitter.hue": 0.3 }),
  9: set({ "optimizer.learningRate": "x0.5" }),
};

describe("a run that is steered", () => {
  it("takes changes on at the next step, with who, when, old and new in its log", async () => {
    const { folder } = await steered(steering);
    const [first, second, third] = acts(folder);
    expect(first).toMatchObject({
      step: 3,
      act: "set",
      via: "page",
      who: expect.stringMatching(/./),
      changes: [
        { key: "optimizer.learningRate", from: 0.5, to: 0.1 },
        { key: "optimizer.weightDecay", from: 0.000001, to: 0.01 },
      ],
    });
    expect(second!.changes).toEqual([
      { key: "views.0.flip", from: 0.5, to: 0 },
      { key: "views.1.flip", from: 0.5, to: 0 },
      { key: "views.1.jitter.hue", from: 0.1, to: 0.3 },
      { key: "lambda", from: 0.0051, to: 0.02 },
    ]);
    expect(third!.changes).toEqual([
      { key: "optimizer.learningRate", from: 0.1, to: 0.05 },
      { key: "optimizer.biasLearningRate", from: 0.0048, to: 0.0024 },
    ]);
    const rates = readLog(folder).flatMap((event) => (event.event === "step" ? [event.learningRate] : []));
    const before = (await steered({})).folder;
    const usual = readLog(before).flatMap((event) => (event.event === "step" ? [event.learningRate] : []));
    const factors = rates.map((rate, i) => (usual[i] === 0 ? null : Number((rate / usual[i]!).toFixed(6))));
    expect(factors).toEqual([null, 1, 1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1]);
    expect(readdirSync(controlPath(folder))).toEqual([]);
    expect(bitsOf(folder)).not.toBe(bitsOf(before));
  });

  it("logs loss parts by the settings of each step: the floor follows lambda", async () => {
    const { folder } = await steered({ 5: set({ lambda: 0.0102 }) });
    const floors = readLog(folder).flatMap((event) => (event.event === "step" ? [event.floor] : []));
    expect(floors[5]! / floors[4]!).toBeCloseTo(2, 6);
  });

  it("ends in the same bits when its settings and its changes are played again", async () => {
    const { folder, settings } = await steered(steering);
    const again = scratch.next();
    newTinyRun(again, settings);
    writeChanges(again, readChanges(folder));
    await trainTiny(again, settings);
    expect(bitsOf(again)).toBe(bitsOf(folder));
    expect(acts(again).map(({ step, changes }) => ({ step, changes }))).toEqual(
      acts(folder).map(({ step, changes }) => ({ step, changes })),
    );
  });

  it("ends in the same bits from whichever checkpoint it goes on, those at a change among them", async () => {
    const { folder, settings } = await steered(steering);
    const bits = bitsOf(folder);
    for (const step of [2, 3, 5, 8, 9]) {
      const name = `step-${String(step).padStart(7, "0")}`;
      const cut = scratch.copyOf(folder);
      for (const later of checkpointNames(cut).filter((other) => other > name))
        rmSync(join(cut, "checkpoints", later), { recursive: true });
      await trainTiny(cut, settings, { resumes: true });
      expect(bitsOf(cut), `cut after ${name}`).toBe(bits);
      expect(acts(cut).length, `acts once each, cut after ${name}`).toBe(3);
    }
  });

  it("does not go on from a checkpoint whose changes are lost", async () => {
    const { folder, settings } = await steered(steering);
    rmSync(changesPath(folder));
    await expect(trainTiny(folder, settings, { resumes: true })).rejects.toMatchObject({
      kind: "checkpoint",
      message: expect.stringContaining("changes.jsonl"),
    });
  });

  it("saves on request, and stops after saving", async () => {
    const { folder, result } = await steered(
      { 4: { act: "save" }, 7: { act: "stop", via: "command" } },
      tinySettings(),
    );
    expect(result).toMatchObject({ reason: "stopped", step: 7 });
    expect(checkpointNames(folder)).toEqual(["step-0000007", "step-0000004"]);
    expect(acts(folder).map(({ act, step }) => [act, step])).toEqual([
      ["save", 4],
      ["stop", 7],
    ]);
  });

  it("takes what stands before a stop, and refuses what stands behind it when it goes on", async () => {
    const both = (folder: () => string) => () => {
      askOfRun(folder(), set({ "optimizer.learningRate": 0.2 }));
      askOfRun(folder(), { act: "stop" });
      askOfRun(folder(), set({ "optimizer.learningRate": 0.3 }));
    };
    const settings = tinySettings();
    const folder = scratch.next();
    newTinyRun(folder, settings);
    const ask = both(() => folder);
    const onEvent = ({ event, step }: LogEvent) => void (event === "step" && step === 6 && ask());
    await trainTiny(folder, settings, { onEvent, controlEveryMilliseconds: 0 });
    expect(acts(folder).map(({ act }) => act)).toEqual(["set", "stop"]);
    await trainTiny(folder, settings, { resumes: true });
    expect(acts(folder).at(-1)).toMatchObject({ act: "refused", reason: "it came when nobody trained" });
    expect(settingsAt(settings, readChanges(folder), 99).optimizer.learningRate).toBe(0.2);
  });

  it("steered anew from before a later change, forgets that one", async () => {
    const { folder, settings } = await steered({ 9: set({ "optimizer.learningRate": 0.1 }) });
    for (const later of checkpointNames(folder).filter((name) => name > "step-0000004"))
      rmSync(join(folder, "checkpoints", later), { recursive: true });
    const onEvent = ({ event, step }: LogEvent) =>
      void (event === "step" && step === 6 && askOfRun(folder, set({ "optimizer.learningRate": 0.3 })));
    await trainTiny(folder, settings, { resumes: true, onEvent, controlEveryMilliseconds: 0 });
    expect(readChanges(folder).map(({ step, changes }) => [step, changes[0]!.to])).toEqual([[6, 0.3]]);
    const again = scratch.next();
    newTinyRun(again, settings);
    writeChanges(again, readChanges(folder));
    await trainTiny(again, settings);
    expect(bitsOf(again)).toBe(bitsOf(folder));
  });

  it("is not changed by a look for requests", async () => {
    const { folder } = await steered({});
    const alone = scratch.next();
    newTinyRun(alone, tinySettings(every));
    await trainTiny(alone, tinySettings(every), { controlEveryMilliseconds: 1e9 });
    expect(bitsOf(folder)).toBe(bitsOf(alone));
  });
});

describe("what may not be asked for", () => {
  const settings = tinySettings();
  it.each([
    [{ batchSize: 16 }, /batchSize 8 -> 16; while a run trains it stays.*--from RUN@STEP --set batchSize=16/],
    [{ projector: "8-8" }, /the shapes of the networks/],
    [{ seed: 3 }, /all random choices/],
    [{ limit: 3 }, /the pictures that are read/],
    [{ "views.0.size": 8 }, /pictures of this size/],
    [{ steps: 100 }, /--resume RUN --epochs/],
    [{ "optimizer.name": "lars" }, /the optimizer's state/],
    [{ terms: "invariance" }, /the networks were built with it/],
    [{ "optimizer.learningrate": 1 }, /Did you mean optimizer.learningRate\?/],
    [{ lamda: 1 }, /Did you mean lambda\?/],
    [{ lambda: 2 }, /lambda 2: a number above 0 and at most 1 is needed/],
    [{ lambda: 0.0051 }, /the run has this value already/],
    [{ "views.5.flip": 0 }, /place 5 in a list of 2/],
    [{ "__proto__.x": 1 }, /no such setting/],
  ])("%j", (asked, message) => {
    expect(() => wantedChanges(settings, asked)).toThrow(message);
  });

  it("is refused with the reason in the log, and the run goes on", async () => {
    const { folder, result } = await steered({ 2: set({ batchSize: 16 }) });
    expect(result.step).toBe(12);
    expect(acts(folder)).toMatchObject([
      { act: "refused", asked: "set", reason: expect.stringContaining("batchSize 8 -> 16") },
    ]);
    expect(existsSync(changesPath(folder))).toBe(false);
  });

  it("is refused where nobody trains, where no run is, and for what is no request", async () => {
    const { folder } = await steered({});
    expect(() => askOfRun(folder, { act: "stop" })).toThrow(/nobody trains in .*--resume/);
    expect(() => askOfRun(scratch.next(), { act: "stop" })).toThrow(/no run.json/);
    expect(() => askOfRun(folder, { act: "halt" } as unknown as Wish)).toThrow(
      /^steer: act: set, save, stop or reorder is needed/,
    );
    expect(() => askOfRun(folder, { act: "set", settings: {} })).toThrow(/at least one setting is needed/);
  });
});

describe("what else may lie in control/", () => {
  const name = (n: number) => `${String(n).padStart(13, "0")}-0000000a.json`;
  const put = (make: (control: string) => void) => {
    let folder = "";
    return steeredIn((made) => {
      folder = made;
      make(controlPath(folder));
    }).then(() => folder);
  };
  async function steeredIn(make: (folder: string) => void) {
    const settings = tinySettings();
    const folder = scratch.next();
    newTinyRun(folder, settings);
    const onEvent = ({ event, step }: LogEvent) => void (event === "step" && step === 2 && make(folder));
    await trainTiny(folder, settings, { onEvent, controlEveryMilliseconds: 0 });
  }

  it("junk is refused and removed, each with its reason", async () => {
    const old = new Date(Date.now() - 60_000);
    const folder = await put((control) => {
      const files: [number, string][] = [
        [1, "{"],
        [2, "[]"],
        [3, '{"format":1,"act":"set","settings":{"lambda":{"a":1}}}'],
        [4, '{"format":2,"act":"stop"}'],
        [5, " ".repeat(20_000)],
        [6, '{"format":1,"act":"stop","extra":1}'],
      ];
      for (const [n, text] of files) writeFileSync(join(control, name(n)), text);
      utimesSync(join(control, name(1)), old, old);
      symlinkSync("/etc/passwd", join(control, name(7)));
      mkdirSync(join(control, name(8)));
      writeFileSync(join(control, "notes.txt"), "mine");
    });
    const reasons = acts(folder).map(({ reason }) => reason);
    expect(reasons).toMatchInlineSnapshot(`
      [
        "the request is no JSON",
        "the request is none: a table of format, act and via is needed",
        "the request is none: settings.lambda: a number, a text, true, false, null or a list of numbers is needed",
        "the request is none: format: 1 is needed",
        "the request cannot be read: it has 20000 bytes, at most 16384 are read",
        "the request is none: no such key: extra",
        "the request cannot be read: it is a link",
        "the request cannot be read: it is no regular file",
      ]
    `);
    expect(readdirSync(controlPath(folder)).sort()).toEqual([name(8), "notes.txt"]);
  });

  it("two requests for one setting take effect in the order of their names, whenever each was written", async () => {
    const asking = (value: number) => JSON.stringify({ format: 1, act: "set", settings: { lambda: value } });
    const folder = await put((control) => {
      writeFileSync(join(control, name(2)), asking(0.03));
      writeFileSync(join(control, name(1)), asking(0.02));
    });
    expect(acts(folder).map(({ changes }) => changes)).toEqual([
      [{ key: "lambda", from: 0.0051, to: 0.02 }],
      [{ key: "lambda", from: 0.02, to: 0.03 }],
    ]);
  });

  it.runIf(process.getuid?.() === 0)("another user's request is refused", async () => {
    const folder = await put((control) => {
      writeFileSync(join(control, name(1)), '{"format":1,"act":"stop"}');
      chownSync(join(control, name(1)), 65_534, 65_534);
    });
    expect(acts(folder)).toMatchObject([
      { act: "refused", reason: expect.stringContaining("belongs to another user") },
    ]);
  });

  it("a flood is answered once", async () => {
    const folder = await put((control) => {
      for (let n = 0; n < 10_000; n++) writeFileSync(join(control, name(n)), '{"format":1,"act":"save"}');
    });
    expect(acts(folder)).toMatchObject([
      { act: "refused", reason: expect.stringContaining("10000 requests came at once") },
    ]);
    expect(readdirSync(controlPath(folder))).toEqual([]);
  });

  it("a half-written request is waited for", async () => {
    const folder = await put((control) => {
      writeFileSync(join(control, name(1)), '{"format":1,"act":');
      const later = new Date(Date.now() + 3_600_000); // young for as long as the test may take
      utimesSync(join(control, name(1)), later, later);
    });
    expect(acts(folder)).toEqual([]);
    expect(readdirSync(controlPath(folder))).toEqual([name(1)]);
  });

  it("a folder that others may enter is not looked into, which is said once", async () => {
    const folder = await put((control) => {
      writeFileSync(join(control, name(1)), '{"format":1,"act":"stop"}');
      chmodSync(control, 0o777);
    });
    expect(acts(folder)).toEqual([]);
    const said = readLog(folder).filter((event) => event.event === "warning");
    expect(said).toMatchObject([{ message: expect.stringContaining("mode 0700") }]);
  });
});

it("what was killed between writing down and answering takes effect once", async () => {
  const { folder, settings } = await steered({ 3: set({ lambda: 0.02 }) }, tinySettings(), {
    isStopping: stopAfter(5),
  });
  const { request } = readChanges(folder)[0]!;
  writeFileSync(
    join(controlPath(folder), `${request}.json`),
    '{"format":1,"act":"set","settings":{"lambda":0.02},"via":"page"}',
  );
  await trainTiny(folder, settings, { resumes: true });
  expect(acts(folder)).toHaveLength(1);
  expect(readdirSync(controlPath(folder))).toEqual([]);
});

describe("a disk that is full", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });

  /** Writes half of what has this word in it, then says that there is no room. */
  function fullFor(word: string): void {
    const write = fs.writeSync;
    vi.spyOn(fs, "writeSync").mockImplementation(((file: number, bytes: Buffer, ...rest: number[]) => {
      if (!Buffer.from(bytes).includes(word)) return write(file, bytes, ...rest);
      write(file, bytes.subarray(0, bytes.length / 2));
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    }) as typeof fs.writeSync);
    syncBuiltinESMExports();
  }

  const record = (request: string) => ({
    step: 3,
    time: "t",
    request,
    who: "w",
    via: "page",
    changes: [{ key: "lambda", from: 1, to: 2 }],
  });

  it("takes no change, and leaves the file as it was", () => {
    const folder = scratch.next();
    mkdirSync(folder);
    recordChange(folder, record("first"));
    const before = readFileSync(changesPath(folder), "utf8");
    fullFor("second");
    expect(() => recordChange(folder, record("second"))).toThrow(/write: .*changes\.jsonl: ENOSPC.*the disk is full/);
    expect(readFileSync(changesPath(folder), "utf8")).toBe(before);
  });

  it("refuses what is asked of a run, which goes on as if nothing had been asked", async () => {
    const usual = (await steered({})).folder;
    const { folder, result } = await steered({ 4: set({ lambda: 0.02 }), 3: () => fullFor('"key":"lambda"') });
    expect(result.reason).toBe("complete");
    expect(acts(folder)).toMatchObject([
      { act: "refused", asked: "set", reason: expect.stringContaining("the disk is full") },
    ]);
    expect(readChanges(folder)).toEqual([]);
    expect(bitsOf(folder)).toBe(bitsOf(usual));
  });
});
