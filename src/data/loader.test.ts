import { mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Batch, type Dataset, type ImageFolder, imageArray, type RawImage, subset } from "./dataset.ts";
import { type BatchOptions, batches, onePass, stepsPerEpoch, verifyFolder } from "./loader.ts";
import { openImageFolder } from "./sources/image-folder.ts";

const count = 24;
let root = "";
let folder: ImageFolder;

/** Picture i has 4 x (4 + i) pixels, so that a decoded picture says which one it is. */
const pngOf = (i: number) =>
  sharp({ create: { width: 4 + i, height: 4, channels: 3, background: "red" } })
    .png()
    .toBuffer();
const nameOf = (i: number) => `${String(i).padStart(2, "0")}.png`;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "selfsight-loader-"));
  await mkdir(join(root, "good"));
  for (let i = 0; i < count; i++) await writeFile(join(root, "good", nameOf(i)), await pngOf(i));
  folder = await openImageFolder(join(root, "good"), "good");
});
afterAll(() => rm(root, { recursive: true }));

/** A folder of which these pictures are cut in the middle. */
async function withBad(name: string, bad: readonly number[], of = count): Promise<ImageFolder> {
  await mkdir(join(root, name), { recursive: true });
  for (let i = 0; i < of; i++) {
    const bytes = await pngOf(i % count);
    await writeFile(join(root, name, nameOf(i)), bad.includes(i) ? bytes.subarray(0, 60) : bytes);
  }
  return openImageFolder(join(root, name), name);
}

const pixels = Uint8Array.from({ length: count * 12 }, (_, i) => i % 251);
const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
const array = imageArray({ name: "array", pixels, labels, channels: 3, height: 2, width: 2 });

async function collect(reading: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of reading) all.push(batch);
  return all;
}
const read = (dataset: Dataset, options: BatchOptions) => collect(batches(dataset, options));
const places = (all: readonly Batch[]) =>
  all.map(({ epoch, step, indices }) => ({ epoch, step, indices: [...indices] }));
const widths = ({ images }: Batch) => (images as RawImage[]).map(({ width }) => width - 4);
const message = (reading: Promise<unknown>) =>
  reading.then(
    () => "accepted",
    (error: Error) => error.message,
  );

test("each sample comes once an epoch, with its own pixels and label, the remainder dropped", async () => {
  const all = await read(array, { batchSize: 5, steps: 8 });
  expect(stepsPerEpoch(array, 5)).toBe(4);
  expect(all.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  expect(all.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  const first = all.slice(0, 4).flatMap(({ indices }) => [...indices]);
  expect(new Set(first).size).toBe(20);
  expect(all.slice(4).flatMap(({ indices }) => [...indices])).not.toEqual(first);
  for (const { indices, images, labels: own } of all) {
    expect([...own!]).toEqual([...indices].map((index) => index % 3));
    expect((images as { pixels: Uint8Array }).pixels).toEqual(
      Uint8Array.from([...indices].flatMap((index) => [...pixels.subarray(index * 12, (index + 1) * 12)])),
    );
  }
});

test("the order is a function of seed and epoch, not of prefetch or threads", async () => {
  const expected = places(await read(folder, { batchSize: 5, steps: 9, seed: 3 }));
  for (const options of [{ prefetch: 0 }, { prefetch: 7, threads: 3 }]) {
    const all = await read(folder, { batchSize: 5, steps: 9, seed: 3, ...options });
    expect(places(all)).toEqual(expected);
    for (const batch of all) expect(widths(batch)).toEqual([...batch.indices]);
  }
  expect(places(await read(folder, { batchSize: 5, steps: 9, seed: 4 }))).not.toEqual(expected);
  expect(places(await read({ ...array, length: count }, { batchSize: 5, steps: 9, seed: 3 }))).toEqual(expected);
});

test("reading resumed at any step gives what the unbroken run gave", async () => {
  const whole = places(await read(array, { batchSize: 7, steps: 10 }));
  for (let start = 0; start < 10; start++)
    expect(places(await read(array, { batchSize: 7, startStep: start, steps: 10 - start }))).toEqual(
      whole.slice(start),
    );
});

test("bad files are named once, never replaced in silence, and the steps stay as many", async () => {
  const dataset = await withBad("three-bad", [2, 11, 17]);
  const found = new Map<number, string>();
  const quarantine = new Set<number>();
  const all = await read(dataset, {
    batchSize: 6,
    steps: 12,
    quarantine,
    onBadFile: (index, error) => {
      expect(found.has(index)).toBe(false);
      found.set(index, error.message);
    },
  });
  expect(all).toHaveLength(12);
  expect([...found.keys()].sort((a, b) => a - b)).toEqual([2, 11, 17]);
  expect([...quarantine].sort((a, b) => a - b)).toEqual([2, 11, 17]);
  for (const [index, reason] of found)
    expect(reason).toContain(`decoding ${nameOf(index)}: it is damaged or cut short`);
  for (const batch of all) expect(widths(batch)).toEqual([...batch.indices]);
  for (const batch of all) for (const index of batch.indices) expect([2, 11, 17]).not.toContain(index);
});

test("resumed with its quarantine, a run with bad files goes on as the unbroken one", async () => {
  const dataset = await withBad("resumed-bad", [0, 5, 9, 20]);
  const whole = places(await read(dataset, { batchSize: 5, steps: 12, prefetch: 1 }));
  for (const start of [1, 7]) {
    const quarantine = new Set<number>();
    const before = await read(dataset, { batchSize: 5, steps: start, quarantine, prefetch: 3 });
    const after = await read(dataset, { batchSize: 5, startStep: start, steps: 12 - start, quarantine });
    expect([...places(before), ...places(after)]).toEqual(whole);
  }
  const known = new Set((await verifyFolder(dataset)).keys());
  expect([...known]).toEqual([0, 5, 9, 20]);
  expect(places(await read(dataset, { batchSize: 5, steps: 12, quarantine: known }))).toEqual(whole);
});

test("a file that vanishes, or becomes a FIFO's name, after listing is a bad file", async () => {
  const dataset = await withBad("vanishing", []);
  await unlink(join(root, "vanishing", nameOf(3)));
  const found: string[] = [];
  const all = await read(dataset, { batchSize: 4, steps: 12, onBadFile: (_, error) => found.push(error.message) });
  expect(all).toHaveLength(12);
  expect(found).toEqual([expect.stringMatching(/decoding 03.png: it cannot be read \(ENOENT/)]);
});

test("too many bad files stop the reading, with the last reason and what to do", async () => {
  const half = await withBad(
    "half-bad",
    Array.from({ length: 20 }, (_, i) => 2 * i),
    40,
  );
  expect(await message(read(half, { batchSize: 4, steps: 40 }))).toMatch(
    /11 of 40 files are bad, at most 10 are left out \(maxBadShare 0.1\); the last one: decoding \d+.png: .*allow more with --set maxBadShare=/,
  );
  const patient = { ...half, rules: { ...half.rules, maxBadShare: 0.5 } };
  expect(await message(read(patient, { batchSize: 4, steps: 40 }))).toBe("accepted");
  const all = await withBad(
    "all-bad",
    Array.from({ length: 6 }, (_, i) => i),
    6,
  );
  expect(await message(read(all, { batchSize: 4, steps: 1 }))).toMatch(/3 of 6 files are bad/);
});

test.each([1, 0, 2.5, Number.NaN])("a batch of %s is refused", async (batchSize) => {
  expect(await message(read(array, { batchSize, steps: 1 }))).toMatch(
    /batch size is .*; a whole number from 2 is needed/,
  );
});

test("fewer samples than a batch are refused, just enough are one step an epoch", async () => {
  for (const length of [2, 3]) {
    const few = subset(
      array,
      Array.from({ length }, (_, i) => i),
    );
    expect(await message(read(few, { batchSize: 4, steps: 1 }))).toMatch(
      `${length} images, batches of 4; at least one whole batch`,
    );
  }
  for (const length of [4, 5]) {
    const enough = subset(
      array,
      Array.from({ length }, (_, i) => i),
    );
    expect((await read(enough, { batchSize: 4, steps: 3 })).map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
  }
  const quarantine = new Set([0, 1]);
  expect(await message(read(subset(array, [0, 1, 2]), { batchSize: 2, quarantine, steps: 1 }))).toMatch(
    /1 good images, batches of 2/,
  );
});

test("one pass gives every good sample once, in order, the last batch as small as it comes", async () => {
  const dataset = await withBad("one-pass", [4]);
  const found: number[] = [];
  const all = await collect(onePass(dataset, { batchSize: 10, onBadFile: (index) => found.push(index) }));
  expect(all.flatMap(({ indices }) => [...indices])).toEqual(
    Array.from({ length: count }, (_, i) => i).filter((i) => i !== 4),
  );
  expect(found).toEqual([4]);
  expect((await collect(onePass(array, { batchSize: 1 }))).map(({ indices }) => [...indices])).toHaveLength(count);
});

test("a reader that is left in the middle closes its threads", async () => {
  for await (const batch of batches(folder, { batchSize: 4 })) {
    expect(batch.indices).toHaveLength(4);
    break;
  }
});
