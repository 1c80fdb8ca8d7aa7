// Datasets that are read whole into memory: CIFAR, IDX and `shapes`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataset } from "./sources/open.ts";
import { drawShapes, shapeClasses } from "./sources/shapes.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "selfsight-arrays-"));
});
afterEach(() => rm(root, { recursive: true }));
const put = (name: string, bytes: Uint8Array | string) => writeFile(join(root, name), bytes);
const message = (reading: Promise<unknown>) =>
  reading.then(
    () => "accepted",
    (error: Error) => error.message,
  );

const recordOf = (label: number, first: number) => Buffer.concat([Buffer.from([label]), Buffer.alloc(3072, first)]);

async function putCifar() {
  for (const part of [1, 2, 3, 4, 5])
    await put(`data_batch_${part}.bin`, Buffer.concat([recordOf(part, part), recordOf(0, 9)]));
  await put("test_batch.bin", recordOf(7, 77));
}

test("CIFAR-10: parts in order, label before pixels, names by line", async () => {
  await putCifar();
  await put("batches.meta.txt", `${"abcdefghij".split("").join("\r\n")}\n`);
  const train = await openDataset(root);
  expect(train).toMatchObject({ kind: "array", name: "cifar10", length: 10, channels: 3, height: 32, width: 32 });
  expect([...train.labels!]).toEqual([1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
  expect(train.classes).toEqual("abcdefghij".split(""));
  if (train.kind === "array")
    expect([train.pixels[0], train.pixels[3071], train.pixels[3072], train.pixels[6144]]).toEqual([1, 1, 9, 2]);
  expect([...(await openDataset(root, { split: "test" })).labels!]).toEqual([7]);
});

test("CIFAR-100 takes the fine label", async () => {
  await put("train.bin", Buffer.concat([Buffer.from([3, 42]), Buffer.alloc(3072)]));
  expect([...(await openDataset(root)).labels!]).toEqual([42]);
});

test("damaged CIFAR files are named with what was found and needed", async () => {
  await putCifar();
  await put("data_batch_3.bin", recordOf(0, 0).subarray(0, 3000));
  expect(await message(openDataset(root))).toMatch(
    /data_batch_3.bin has 3000 bytes; whole records of 3073 bytes are needed/,
  );
  await put("data_batch_3.bin", "");
  expect(await message(openDataset(root))).toMatch(/data_batch_3.bin has 0 bytes/);
  await put("data_batch_3.bin", recordOf(10, 0));
  expect(await message(openDataset(root))).toMatch(
    /record 0 of .*data_batch_3.bin has label 10; labels go from 0 to 9/,
  );
  await rm(join(root, "data_batch_3.bin"));
  expect(await message(openDataset(root))).toMatch(/data_batch_3.bin cannot be read \(ENOENT\)/);
});

const idx = (sizes: number[], data: Uint8Array, magic = 0x0800 + sizes.length) => {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(magic);
  for (const [axis, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, data]);
};
const images = idx(
  [2, 2, 3],
  Uint8Array.from({ length: 12 }, (_, i) => i),
);

test("IDX, plain or gzip, with labels or without", async () => {
  await put("train-images-idx3-ubyte.gz", gzipSync(images));
  const unlabelled = await openDataset(root);
  expect(unlabelled).toMatchObject({ length: 2, channels: 1, height: 2, width: 3 });
  expect(unlabelled.labels).toBeUndefined();
  await put("train-labels-idx1-ubyte", idx([2], Uint8Array.of(4, 1)));
  const labelled = await openDataset(root);
  expect([...labelled.labels!]).toEqual([4, 1]);
  expect(labelled.classes).toEqual(["0", "1", "2", "3", "4"]);
  if (labelled.kind === "array") expect([...labelled.pixels]).toEqual(Array.from({ length: 12 }, (_, i) => i));
  expect(await message(openDataset(root, { split: "test" }))).toMatch(
    /it has no test split; t10k-images-idx3-ubyte or test-images/,
  );
});

test.each([
  ["cut header", images.subarray(0, 9), /has 9 bytes unpacked; 16 are needed/],
  ["cut data", images.subarray(0, 20), /has 20 bytes unpacked; 28 are needed for the sizes 2x2x3/],
  ["data left over", Buffer.concat([images, Buffer.alloc(1)]), /has 29 bytes unpacked; 28 are needed/],
  ["another type", idx([2, 2, 3], new Uint8Array(12), 0x0d03), /begins with 0x00000d03; 0x00000803/],
  ["empty", Buffer.alloc(0), /has 0 bytes unpacked/],
  ["enormous sizes", idx([4294967295, 4294967295, 4294967295], new Uint8Array(12)), /unpacked; .* are needed/],
  ["broken gzip", gzipSync(images).subarray(0, 25), /cannot be unpacked/],
])("damaged IDX: %s", async (_, bytes, reason) => {
  await put("train-images-idx3-ubyte", bytes);
  expect(await message(openDataset(root))).toMatch(reason);
});

test("labels of another set are refused", async () => {
  await put("train-images-idx3-ubyte", images);
  await put("train-labels-idx1-ubyte", idx([3], new Uint8Array(3)));
  expect(await message(openDataset(root))).toMatch(/has 3 labels, its picture file 2 pictures/);
});

test("a limit is a fixed choice, one that makes no sense is refused", async () => {
  const few = await openDataset("shapes", { limit: 30 });
  expect(few.length).toBe(30);
  expect((await openDataset("shapes", { limit: 30 })).fingerprint).toBe(few.fingerprint);
  expect(await message(openDataset("shapes", { limit: 0 }))).toMatch(/limit is 0; a whole number from 1/);
});

test("what is no folder and no known name is refused, the nearest name said", async () => {
  expect(await message(openDataset("cifar-10"))).toMatch(
    /neither a folder, an archive or a list here .* nor a known name .*Did you mean cifar10\?/,
  );
  await put("file.png", "x");
  expect(await message(openDataset(join(root, "file.png")))).toMatch(/it is a file; a folder of pictures/);
});

const [train, probe] = [drawShapes("train", { length: 1000 }), drawShapes("test", { length: 200 })];

test("shapes are the same each time, balanced, of their own in each split", () => {
  expect(drawShapes("train", { length: 1000 }).fingerprint).toBe(train.fingerprint);
  expect(drawShapes("train", { length: 1000, seed: 1 }).fingerprint).not.toBe(train.fingerprint);
  expect(drawShapes("train", { length: 100 }).pixels).toEqual(train.pixels.subarray(0, 100 * 3072));
  for (const label of shapeClasses.keys()) expect(train.labels!.filter((other) => other === label)).toHaveLength(100);
  expect(probe.pixels.subarray(0, 3072)).not.toEqual(train.pixels.subarray(0, 3072));
});

test("shapes are hard for the nearest neighbour in pixels", () => {
  const distance = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < 3072; i += 4) sum += (probe.pixels[a * 3072 + i]! - train.pixels[b * 3072 + i]!) ** 2;
    return sum;
  };
  let hits = 0;
  for (let a = 0; a < probe.length; a++) {
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let b = 0; b < train.length; b++) {
      const found = distance(a, b);
      if (found < least) [best, least] = [b, found];
    }
    if (probe.labels![a] === train.labels![best]) hits++;
  }
  expect(hits / probe.length).toBeGreaterThan(0.05);
  expect(hits / probe.length).toBeLessThan(0.3); // chance is 0.1
});
