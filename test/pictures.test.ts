// What people keep in their folders, tried on every command that reads one.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { embed } from "../src/cli/commands/embed/run.ts";
import { evaluate } from "../src/cli/commands/evaluate/run.ts";
import { pretrain } from "../src/cli/commands/pretrain/run.ts";
import { quickstart } from "../src/cli/commands/quickstart/run.ts";
import { reportRun } from "../src/cli/commands/report/run.ts";
import { comparisonTable, parsePlan, runPlan } from "../src/compare/index.ts";
import { bytesOfName, type ImageFolder, openDataset } from "../src/data/index.ts";
import { openTrainingData, readLog, readRun, resolveSettings, startRun } from "../src/train/index.ts";
import { loadIndex } from "../src/work/index.ts";
import { trainRun } from "../src/work/pretrain.ts";
import {
  blue,
  bmpOf,
  cutShort,
  drawn,
  greyProfile,
  instruments,
  jpegOf,
  put,
  putClasses,
  red,
  withProfile,
} from "./drawn-pictures.ts";

const root = mkdtempSync(join(tmpdir(), "selfsight-pictures-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
vi.setConfig({ testTimeout: 180_000 });

let said: string[] = [];
let warned: string[] = [];
beforeEach(() => {
  [said, warned] = [[], []];
  vi.spyOn(console, "log").mockImplementation((line) => said.push(String(line)));
  vi.spyOn(console, "error").mockImplementation((line) => warned.push(String(line)));
});

const tiny = { steps: 3, width: 4, size: 16, precision: "fp32" } as const;
const quick = (data: string, name: string, set: string[] = []) =>
  quickstart({
    data,
    out: join(root, name),
    seed: 0,
    set: [...Object.entries(tiny).map(([key, value]) => `${key}=${value}`), "projector=16-16", ...set],
  });

/** A plan of one cell on these pictures: its table, and what it warned of on the way. */
async function compared(data: string, name: string, batchSize: number) {
  const { steps, ...settings } = tiny;
  const base = { ...settings, batchSize, warmupEpochs: 0, watchEverySteps: 1 };
  const rows = [{ method: "barlow-twins", settings: { projector: "16-16" } }];
  const budget = { steps: 4 * steps };
  const plan = parsePlan({ title: "t", data, base, rows, budget, evaluations: { knn: { k: 1 } } }, "plan");
  const warnings: string[] = [];
  const { rows: found } = await runPlan(plan, {
    folder: join(root, name),
    onProgress: (progress) => {
      if (progress.kind === "event" && progress.event.event === "warning") warnings.push(progress.event.message);
    },
  });
  return { table: comparisonTable(plan, data, found), warnings };
}

describe("one undecodable picture among 96", () => {
  const [data, run] = [join(root, "one-bad"), join(root, "run")];
  const sentence = "1 picture could not be decoded and was left out: b/17.jpg";
  const reason = /^warning: decoding b\/17\.jpg: it is damaged or cut short( \([^;()]+\))?\.$/;

  test("quickstart trains past it, writes its report and names it", async () => {
    await putClasses(data, 96, [17]);
    await quick(data, "run", ["steps=8"]);
    expect(readFileSync(join(run, "report.html"), "utf8")).toContain(`${sentence}.`);
    expect(said.join("\n")).toContain(sentence);
    const warnings = readLog(run).flatMap((event) => (event.event === "warning" ? event.message : []));
    expect(warnings.at(-1)).toBe(sentence);
  });

  test("report names it again, and for machines", async () => {
    await reportRun(run, { json: true });
    expect(JSON.parse(said.join("\n")).leftOut).toEqual(["b/17.jpg"]);
  });

  test("embed and evaluate leave it out, count it and say why in one sentence", async () => {
    const out = join(root, "features.safetensors");
    await embed(run, data, { out, precision: "fp32", split: "train" });
    const { names, badFiles } = JSON.parse(readFileSync(`${out}.json`, "utf8"));
    expect([names.length, badFiles.map(({ name }: { name: string }) => name)]).toEqual([95, ["b/17.jpg"]]);
    await evaluate("knn", run, { data, json: true });
    expect(JSON.parse(said.at(-1)!).data).toMatchObject({ badFiles: 1 });
    expect(warned).toEqual([expect.stringMatching(reason), expect.stringMatching(reason)]);
  });

  test("compare leaves it out in every cell and says so below its table", async () => {
    const { table } = await compared(data, "compared", 24);
    expect([table.rows[0]!.failures, table.notes]).toEqual([[], [`${sentence}.`]]);
  });

  test("the bound is a setting of the run, which measuring keeps to; the advice can be followed", async () => {
    await expect(quick(data, "strict", ["maxBadShare=0", "steps=8"])).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(
        /1 of 96 files are bad, at most 0 are left out \(maxBadShare 0\).*allow more with --set maxBadShare=/,
      ),
    });
    const many = join(root, "many-bad");
    const bad = Array.from({ length: 12 }, (_, i) => 8 * i);
    await putClasses(many, 96, bad);
    await expect(evaluate("knn", "pixels", { data: many })).rejects.toMatchObject({
      message: expect.stringMatching(
        /11 of 96 files are bad, at most 10 are left out \(maxBadShare 0.1\).*Repair or remove them\.$/,
      ),
    });
    await quick(many, "patient", ["maxBadShare=0.2"]);
    expect(existsSync(join(root, "patient", "report.html"))).toBe(true);
    await evaluate("knn", join(root, "patient"), { data: many, json: true });
    expect(JSON.parse(said.at(-1)!).data).toMatchObject({ badFiles: 12 });
  });

  test("where the others do not fill a batch, a batch that they fill is advised", async () => {
    await expect(quick(data, "whole", ["batchSize=96"])).resolves.toBeUndefined(); // a quickstart fits the batch
    const settings = { ...tiny, batchSize: 96, method: "simsiam" as const, warmupEpochs: 0 };
    const prepared = await startRun(data, [settings], { out: join(root, "full"), command: "test", warn: () => {} });
    await expect(trainRun(prepared)).rejects.toMatchObject({
      message: expect.stringMatching(/the 95 others do not fill a batch of 96; .*or use --batch 95 or less\.$/),
    });
  });
});

describe("what lies beside people's pictures", () => {
  const home = join(root, "home");
  const run = join(root, "home-run");
  const sentence =
    "not read in home: 7 files or folders: folder of the system: @eaDir; not a picture by its first bytes: Thumbs.db; " +
    "hidden file: a/._0.jpg, a/.hidden.jpg; a HEIC picture, which this libvips cannot decode (convert it to JPEG): " +
    "b/phone.heic; a compressed BMP picture, which is not read (save it without RLE): b/packed.bmp; " +
    "a picture beside the class folders: cover.jpg";
  const sorted = (text: string) => text.replace("not read in home: 7 files or folders: ", "").split("; ").sort();

  async function putHome() {
    await putClasses(home, 24);
    put(home, "@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", await jpegOf(3));
    put(home, "a/.hidden.jpg", await jpegOf(4));
    put(home, "a/._0.jpg", Buffer.from("0005160700020000", "hex"));
    put(home, "cover.jpg", await jpegOf(5));
    put(home, "Thumbs.db", Buffer.from("d0cf11e0", "hex"));
    put(home, "b/phone.heic", Buffer.from("00000018667479706865696300000000", "hex"));
    const row = Buffer.alloc(3 * 16, 120);
    put(home, "b/old.bmp", bmpOf({ bits: 24, width: 16, rows: Array(16).fill(row) }));
    put(home, "b/packed.bmp", bmpOf({ bits: 8, width: 1, compression: 1, rows: [row] }));
  }

  const expectSaid = (lines: readonly string[]) => {
    const found = lines.filter((line) => line.includes("not read in home"));
    expect(found.map((line) => sorted(line.replace("warning: ", "")))).toEqual([sorted(sentence)]);
  };

  test("quickstart says once what it does not read, and reads bitmaps", async () => {
    await putHome();
    await quick(home, "home-run", ["steps=8"]);
    expectSaid(warned);
    expect(readRun(run).images).toBe(25);
  });

  test.each([
    ["report", () => reportRun(run, {})],
    ["evaluate", () => evaluate("knn", run, { data: home })],
    ["embed", () => embed(run, home, { out: join(root, "home.safetensors"), precision: "fp32", split: "train" })],
    ["pretrain", () => pretrain(home, { set: ["steps=1", "batchSize=8", "width=4"], out: join(root, "home-2") })],
  ])("%s says it in the same words", async (_, command) => {
    await command();
    expectSaid(warned);
  });

  test("compare says it in the same words", async () => {
    expectSaid((await compared(home, "home-compared", 8)).warnings);
  });
});

describe("pictures that are read in spite of something", () => {
  const data = join(root, "odd");
  const sentence =
    /2 pictures were read in spite of a colour profile that cannot be applied: a\/\d+\.png, a\/\d+\.png$/;

  test("are counted once a kind by training, report, evaluate and embed", async () => {
    await putClasses(data, 24);
    for (const i of [0, 2]) {
      put(data, `a/${i}.png`, withProfile(await drawn(i).png().toBuffer(), greyProfile(1.8)));
      unlinkSync(join(data, `a/${i}.jpg`));
    }
    await quick(data, "odd-run", ["steps=12"]);
    const run = join(root, "odd-run");
    const warnings = readLog(run).flatMap((event) => (event.event === "warning" ? event.message : []));
    expect(warnings).toEqual([expect.stringMatching(sentence)]);
    expect(readFileSync(join(run, "report.html"), "utf8")).toContain("2 pictures were read in spite of");
    await evaluate("knn", run, { data });
    await embed(run, data, { out: join(root, "odd.safetensors"), precision: "fp32", split: "train" });
    expect(warned.filter((line) => sentence.test(line))).toHaveLength(2);
  });
});

describe("pictures of instruments", () => {
  const data = join(root, "instruments");
  const run = join(root, "float-run");
  const set = ["steps=2", "batchSize=4", "width=4", "size=16", "projector=8-8", "precision=fp32"];
  const putAll = () => {
    for (const [name, bytes] of Object.entries(instruments)) put(data, name, bytes());
    for (const i of [0, 1, 2]) put(data, `float-${i}.tif`, instruments["float32.tif"]());
  };

  test("are refused by name with what each needs", async () => {
    putAll();
    await expect(pretrain(data, { set, out: join(root, "none") })).rejects.toMatchObject({
      kind: "data",
      message: expect.stringMatching(
        /no pictures, but 8 .*float samples without a range .*--range 0 1\): float-0.tif, .*float32.tif; .*bands without a meaning .*--bands 1,2,3\): four-bands.tif; .*with a sign .*: int16.tif; .*16-bit grey .*: uint16.*; .*32-bit .*: uint32.tif/,
      ),
    });
  });

  test("are read by the run's range and bands, which resuming, evaluating and embedding keep to", async () => {
    await pretrain(data, { set, out: run, range: [0, 1], bands: [1] });
    expect(readRun(run)).toMatchObject({ images: 8, settings: { range: [0, 1], bands: [1] } });
    await expect(pretrain(undefined, { set: ["range=[0,2]"], resume: run })).rejects.toThrow(/range.*only device, /);
    await pretrain(undefined, { set: [], resume: run });
    const out = join(root, "float.safetensors");
    await embed(run, join(data, "float32.tif"), { out, precision: "fp32", split: "train" });
    await embed(`pixels:${run}`, data, { out, precision: "fp32", split: "train" });
    const { features, dimensions, notes } = await loadIndex(out);
    const row = notes.names.indexOf("float32.tif");
    const pixels = features.subarray(row * dimensions, (row + 1) * dimensions);
    expect(Math.min(...pixels) < Math.max(...pixels)).toBe(true);
    expect(notes.badFiles).toEqual([]);
  });

  test("are read by options where no run says how", async () => {
    const out = join(root, "pixels.safetensors");
    const file = join(data, "float32.tif");
    await expect(embed("pixels", file, { out, precision: "fp32", split: "train" })).rejects.toThrow(/float samples/);
    await embed("pixels", file, { out, precision: "fp32", split: "train", range: [0, 1] });
    const { features } = await loadIndex(out);
    expect(Math.max(...features)).toBeGreaterThan(0.9);
    await expect(evaluate("knn", "pixels", { data, range: [1, 0] })).rejects.toThrow(
      "--range 1 0; two numbers, the lower first, are needed",
    );
    await expect(evaluate("knn", "pixels", { data, bands: [1, 2] })).rejects.toThrow("one or three bands are needed");
  });

  test("that a program has opened are opened again by the run's rules", async () => {
    const opened = await openDataset(data, { rules: { range: [0, 1] } });
    expect(opened.length).toBe(7);
    const settings = { ...tiny, batchSize: 4, method: "simsiam" as const, bands: [1] };
    const prepared = await openTrainingData(opened, resolveSettings(settings), () => {});
    expect(Array.from((prepared.dataset as ImageFolder).files, ({ label }) => label)).toEqual(["four-bands.tif"]);
  });
});

describe("a folder with parts", () => {
  const data = join(root, "parts");
  const run = join(root, "parts-run");
  const online = () => readLog(run).flatMap((event) => (event.event === "evaluation" ? event.protocol : []));

  test("of three is trained on the first, watched on val and measured on test", async () => {
    await putClasses(join(data, "train"), 100);
    await putClasses(join(data, "val"), 24);
    await putClasses(join(data, "test"), 8);
    await quick(data, "parts-run", ["steps=4"]);
    expect(readLog(run)[0]).toMatchObject({
      division: "train/ to learn from, val/ to choose by, test/ to report on",
      images: 100,
    });
    expect(online()).toEqual([expect.stringMatching(/^online knn-v1 .*, 100 \+ 24 val images$/)]);
    await evaluate("knn", run, { data, json: true });
    expect(JSON.parse(said.at(-1)!).data).toMatchObject({ bankImages: 100, queryImages: 8 });
  });

  test("whose test split has no labels is measured on val, which then is not watched; both are said", async () => {
    const bare = join(root, "bare");
    await putClasses(join(bare, "train"), 100);
    await putClasses(join(bare, "val"), 24);
    for (const i of [0, 1]) put(bare, `test/${i}.jpg`, await jpegOf(i));
    rmSync(run, { recursive: true });
    await quick(bare, "parts-run", ["steps=4"]);
    const note = "warning: test/ of bare has no labels: val/ is measured on";
    expect(warned).toEqual([note]);
    expect(readLog(run)[0]).toMatchObject({
      division: "train/ to learn from, val/ to report on, test/ without labels",
    });
    expect(online()).toEqual([expect.stringMatching(/, 80 \+ 20 train images$/)]);
    await evaluate("knn", run, { data: bare, json: true });
    const { protocol, data: counts } = JSON.parse(said.at(-1)!);
    expect([protocol, counts.queryImages]).toEqual([expect.stringContaining(", val split"), 24]);
    expect(warned).toEqual([note, note]);
    await expect(evaluate("knn", run, { data: bare, split: "test" })).rejects.toThrow("bare/test has no labels");
  });

  test("whose only other part has no labels is measured on a part of the first", async () => {
    const bare = join(root, "barer");
    await putClasses(join(bare, "train"), 20);
    put(bare, "test/0.jpg", await jpegOf(0));
    await evaluate("knn", "pixels", { data: bare, json: true });
    expect(JSON.parse(said.at(-1)!)).toMatchObject({
      protocol: expect.stringMatching(/, train split, 20 % of the images held out/),
      data: { bankImages: 16, queryImages: 4 },
    });
    expect(warned).toEqual([
      "warning: test/ of barer has no labels: a fifth of each class of train/ is held out to measure on",
    ]);
  });
});

describe("names that are no plain text", () => {
  const data = join(root, "names");
  const run = join(root, "names-run");
  const hostile = "<img src=x onerror=alert(1)>";
  /** Each file's path below the folder, and what it is called. */
  const files: (readonly [Buffer, string])[] = [
    [Buffer.from("a/caf\xe9.png", "latin1"), "a/caf\\xe9.png"],
    [Buffer.from("a/caf\xe8.png", "latin1"), "a/caf\\xe8.png"],
    [Buffer.from("a/line\nbreak.png"), "a/line\\x0abreak.png"],
    [Buffer.from("a/tab\there.png"), "a/tab\\x09here.png"],
    [Buffer.from(`${hostile}/tag.png`), `${hostile}/tag.png`],
    [Buffer.from("a/ 日本 \u202egnp.png"), "a/ 日本 \\xe2\\x80\\xaegnp.png"],
    [Buffer.from("a/cut\nshort.jpg"), "a/cut\\x0ashort.jpg"],
  ];
  const named = files.slice(0, -1).map(([, name]) => name);
  const below = (path: Uint8Array) => Buffer.concat([Buffer.from(`${data}/`), path]);

  async function putAll() {
    for (const folder of ["a", hostile]) mkdirSync(join(data, folder), { recursive: true });
    for (const [i, [path]] of files.entries())
      writeFileSync(below(path), path.includes("cut") ? await cutShort(i) : await drawn(i).png().toBuffer());
  }

  test("lead back to their files from every list, and stand on pages as text", async () => {
    await putAll();
    await quick(data, "names-run", ["batchSize=2", "steps=6"]);
    const listed = readFileSync(join(run, "pictures.tsv"), "utf8").trim().split("\n");
    expect(listed.map((line) => line.split("\t")[2]).sort()).toEqual([...named, "a/cut\\x0ashort.jpg"].sort());
    const page = readFileSync(join(run, "report.html"), "utf8");
    expect(page).toContain("left out: a/cut\\x0ashort.jpg");
    expect(page).not.toContain(hostile);

    const out = join(root, "names.safetensors");
    await embed(run, data, { out, precision: "fp32", split: "train" });
    const { names, notes } = await loadIndex(out);
    expect([...names].sort()).toEqual([...named].sort());
    expect([notes.classes, notes.badFiles.map(({ name }) => name)]).toEqual([[hostile, "a"], ["a/cut\\x0ashort.jpg"]]);
    for (const name of names) expect(statSync(below(bytesOfName(name))).isFile()).toBe(true);
    expect(warned.join("")).not.toMatch(/\n|\u202e/);
  });

  test("of two classes that differ in one byte stay two", async () => {
    const classes = join(root, "classes");
    for (const byte of [0xe8, 0xe9]) {
      const folder = Buffer.concat([Buffer.from(`${classes}/caf`), Buffer.from([byte])]);
      mkdirSync(classes, { recursive: true });
      mkdirSync(folder);
      for (const i of [0, 1, 2, 3, 4])
        writeFileSync(
          Buffer.concat([folder, Buffer.from(`/${i}.png`)]),
          await drawn(i, byte % 2 ? red : blue)
            .png()
            .toBuffer(),
        );
    }
    await evaluate("knn", "pixels", { data: classes, json: true });
    const { perClass } = JSON.parse(said.at(-1)!) as { perClass: { name: string; count: number }[] };
    expect(perClass.map(({ name, count }) => [name, count])).toEqual([
      ["caf\\xe8", 1],
      ["caf\\xe9", 1],
    ]);
  });
});
