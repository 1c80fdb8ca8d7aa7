import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { smallRun } from "../../test/small-run.ts";
import { embed } from "../cli/commands/embed/run.ts";
import { decodeImage } from "../data/index.ts";
import { liveTensors } from "../torch/index.ts";
import { loadIndex } from "./embeddings/picture-index.ts";
import { evaluate } from "./evaluate.ts";
import { type Model, openRun } from "./model.ts";

let parent: string;
let run: string;
let photos: string;
let model: Model;
const reds = [10, 120, 250];
const photo = (red: number) => join(photos, `${red}.png`);

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), "model-"));
  run = smallRun(parent).folder;
  photos = join(parent, "photos");
  mkdirSync(photos);
  for (const red of reds)
    await sharp({ create: { width: 80, height: 60, channels: 3, background: { r: red, g: 90, b: 200 - red / 2 } } })
      .png()
      .toFile(photo(red));
  model = openRun(run, { device: "cpu", precision: "fp32" });
});
afterAll(() => {
  model.free();
  rmSync(parent, { recursive: true });
});

test("a picture is the same from its path, its bytes and its pixels, alone or among others, in a folder or not", async () => {
  const vector = await model.embed(photo(120));
  expect([vector.length, new Set(vector).size > 10]).toEqual([32, true]);
  const bytes = readFileSync(photo(120));
  const [first, second, third] = await model.embed([photo(10), new Uint8Array(bytes), await decodeImage(photo(120))]);
  expect(first).not.toEqual(vector);
  const index = await model.embedFolder(photos);
  expect(index.names).toEqual(["10.png", "120.png", "250.png"]);
  for (const same of [second!, third!, index.vector(1)]) expect(nearness(same, vector)).toBeLessThan(1e-5);
});

/** Largest difference, beside the largest value. */
const nearness = (a: Float32Array, b: Float32Array) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / Math.max(...b.map(Math.abs));

test("the nearest to a picture is itself, then the next alike; an index is the same when it was kept in a file", async () => {
  const index = await model.embedFolder(photos);
  const vector = await model.embed(photo(250));
  const found = index.nearest(vector, 2);
  expect(found.map(({ name }) => name)[0]).toBe("250.png");
  expect(found[0]!.similarity).toBeCloseTo(1, 5);
  expect([found.length, found[1]!.similarity < found[0]!.similarity, found[0]!.row]).toEqual([2, true, 2]);
  const file = join(parent, "kept", "photos.safetensors");
  index.save(file);
  const kept = await loadIndex(file);
  expect([kept.features, kept.notes]).toEqual([index.features, index.notes]);
  expect(kept.nearest(vector, 9)).toEqual(index.nearest(vector, 9));
  expect(() => kept.nearest([1, 2])).toThrow(/a vector of 2 values, an index of 32/);
});

test("index and command write the same files; the command embeds one picture too, and says which part was taken", async () => {
  const said = vi.spyOn(console, "log").mockImplementation(() => {});
  const [byCommand, byProgram] = [join(parent, "command.safetensors"), join(parent, "program.safetensors")];
  await embed(run, photos, { out: byCommand, precision: "fp32" });
  expect(said.mock.lastCall![0]).toMatch(/^wrote 3 embeddings of 32 values to .*: all pictures of photos$/);
  (await model.embedFolder(photos)).save(byProgram);
  for (const end of ["", ".json"]) expect(readFileSync(byCommand + end)).toEqual(readFileSync(byProgram + end));
  await embed(run, photo(10), { out: byCommand, precision: "fp32" });
  expect((await loadIndex(byCommand)).names).toEqual(["10.png"]);
  await embed("pixels", "shapes", { out: byCommand, split: "test", size: 8 });
  expect(said.mock.lastCall![0]).toMatch(/2000 embeddings of 192 values .*all pictures of the test split of shapes$/);
  said.mockRestore();
});

test("files of an index that do not belong together are refused", async () => {
  const file = join(parent, "odd.safetensors");
  (await model.embedFolder(photos)).save(file);
  const notes = JSON.parse(readFileSync(`${file}.json`, "utf8"));
  writeFileSync(`${file}.json`, JSON.stringify({ ...notes, names: ["one"] }));
  await expect(loadIndex(file)).rejects.toThrow(/3 embeddings and 1 names/);
  writeFileSync(`${file}.json`, "{}");
  await expect(loadIndex(file)).rejects.toThrow(/representation is missing or wrong/);
  rmSync(`${file}.json`);
  await expect(loadIndex(file)).rejects.toThrow(/odd\.safetensors\.json: .*keep them side by side/);
});

test("another size makes other features of as many values", async () => {
  const small = openRun(run, { device: "cpu", precision: "fp32", size: 16 });
  expect([small.size, (await small.embed(photo(10))).length]).toEqual([16, 32]);
  small.free();
});

test("what is no picture is named", async () => {
  await expect(model.embed(join(parent, "none.jpg"))).rejects.toMatchObject({ kind: "data", message: /none\.jpg/ });
  await expect(model.embed([photo(10), new Uint8Array(9)])).rejects.toMatchObject({ message: /picture 1/ });
  const odd = { pixels: new Uint8Array(5), height: 2, width: 2 };
  await expect(model.embed(odd)).rejects.toThrow(/picture 0 is no path.*\[H, W, 3\]/);
});

test("evaluate takes an open model and leaves it open, a path and frees it; its split is said", async () => {
  const options = { limit: 60 };
  const report = await evaluate(model, "knn", "shapes", options);
  const before = liveTensors().live;
  const again = await evaluate(run, "knn", "shapes", { ...options, precision: "fp32", device: "cpu" });
  expect([again.perClass, liveTensors().live]).toEqual([report.perClass, before]);
  const whole = await evaluate(model, "knn", "shapes", { ...options, split: "all" });
  expect(whole.protocol).toBe(
    "knn-v1 k=1 T=0.1, all split, at most 60 images a split, 20 % of the images held out with seed 0",
  );
  expect((await model.embed(photo(10))).length).toBe(32);
});

test("evaluate answers by its protocol, and refuses what would do nothing", async () => {
  const { std, draws } = await evaluate(model, "few-shot", "shapes", { limit: 60, labels: 1, draws: 3 });
  expect([typeof std, draws.length]).toEqual(["number", 3]);
  // @ts-expect-error kNN has no labels a class
  await expect(evaluate(model, "knn", "shapes", { labels: 5 })).rejects.toThrow(/labels 5 with knn/);
  await expect(evaluate(model, "knn", "shapes", { size: 64 })).rejects.toThrow(/size 64 with an open model.*openRun/);
});

test("free gives the memory back, twice is once, and a freed model says so", async () => {
  const before = liveTensors().live;
  const other = openRun(run, { device: "cpu" });
  other[Symbol.dispose]();
  other.free();
  expect(liveTensors().live).toBe(before);
  await expect(other.embed(photo(10))).rejects.toThrow(/was freed; .* openRun/);
});
