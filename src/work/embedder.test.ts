import { createReadStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { smallRun } from "../../test/small-run.ts";
import { putPictures } from "../../test/work-pictures.ts";
import { liveTensors } from "../torch/index.ts";
import { createEmbedder, type Embedder } from "./embedder.ts";
import { openRun } from "./model.ts";

const parent = mkdtempSync(join(tmpdir(), "embedder-"));
const photo = (i: number) => join(parent, `${String(i).padStart(3, "0")}.png`);
let run: string;
let embedder: Embedder;

beforeAll(async () => {
  run = smallRun(parent).folder;
  await putPictures(parent, 0, 10);
  embedder = createEmbedder(run, { device: "cpu", precision: "fp32", batchSize: 4 });
});
afterAll(() => {
  embedder.close();
  rmSync(parent, { recursive: true });
});

test("a picture is the same from a path, bytes, a stream of Node's and one of the web's, alone or among others", async () => {
  const model = openRun(run, { device: "cpu", precision: "fp32" });
  const expected = await model.embed(photo(3));
  const given = [
    photo(3),
    readFileSync(photo(3)),
    createReadStream(photo(3), { highWaterMark: 100 }),
    new Blob([readFileSync(photo(3))]).stream(),
  ];
  const largest = Math.max(...expected.map(Math.abs));
  for (const vector of await Promise.all(given.map((picture) => embedder.embed(picture))))
    expect(Math.max(...vector.map((value, i) => Math.abs(value - expected[i]!))) / largest).toBeLessThan(1e-5);
  expect(embedder.trunk).toBe(model.trunk);
  model.free();
});

test("pictures that come together are answered together, at most batchSize of them at a time", async () => {
  const turns = new Map<number, number>();
  let turn = 0;
  const count = () => {
    turn++;
    if (turn < 100_000 && turns.size < 10) setImmediate(count);
  };
  setImmediate(count);
  const pixels = { pixels: new Uint8Array(3 * 40 * 40).fill(9), width: 40, height: 40 }; // nothing to wait for
  const answers = Array.from({ length: 10 }, async (_, i) => {
    await embedder.embed(pixels);
    turns.set(i, turn);
  });
  await Promise.all(answers);
  const sizes = [...new Set(turns.values())].map((own) => [...turns.values()].filter((value) => value === own).length);
  expect(sizes).toEqual([4, 4, 2]);
});

test("what is no picture is refused alone; a stream that is too long, or fails, too", async () => {
  const [good, bad] = await Promise.allSettled([embedder.embed(photo(1)), embedder.embed(new Uint8Array(9))]);
  expect([good.status, bad.status]).toEqual(["fulfilled", "rejected"]);
  const small = createEmbedder(run, { maxBytes: 50 });
  await expect(small.embed(createReadStream(photo(1)))).rejects.toMatchObject({
    kind: "data",
    message: /more than 50 bytes/,
  });
  small.close();
  await expect(embedder.embed(createReadStream(join(parent, "none.png")))).rejects.toThrow(/ENOENT/);
});

test("close gives the memory back, refuses who waits, and twice is once", async () => {
  const before = liveTensors().live;
  const other = createEmbedder(run, { device: "cpu" });
  const waiting = other.embed(photo(2));
  other[Symbol.dispose]();
  other.close();
  await expect(waiting).rejects.toThrow(/was closed; .* createEmbedder/);
  await expect(other.embed(photo(2))).rejects.toThrow(/was closed/);
  expect(liveTensors().live).toBe(before);
});
