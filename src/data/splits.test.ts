import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeDivision,
  type ImageArray,
  type ImageFolder,
  openDataset,
  openImageFile,
  type Split,
} from "./index.ts";
import { joined } from "./joined.ts";
import { drawShapes } from "./sources/shapes.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "splits-"));
  const pictures = [
    "three/Train/a/1.png",
    "three/Train/b/2.png",
    "three/valid/b/3.png",
    "three/test/c/4.png",
    "flat/5.png",
  ];
  for (const name of pictures) await putPicture(join(folder, name));
});

async function putPicture(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await sharp({ create: { width: 9, height: 8, channels: 3, background: "red" } })
    .png()
    .toFile(path);
}
afterAll(() => rmSync(folder, { recursive: true }));

const labelsOf = async (name: string, split: Split) =>
  Array.from(((await openDataset(join(folder, name), { split })) as ImageFolder).files, ({ label }) => label);

test("val is the val split, all is every split below its own name, its classes under one numbering", async () => {
  expect(await labelsOf("three", "val")).toEqual(["b/3.png"]);
  expect(await labelsOf("three", "test")).toEqual(["c/4.png"]);
  const all = (await openDataset(join(folder, "three"), { split: "all" })) as ImageFolder;
  expect(Array.from(all.files, ({ label }) => label)).toEqual([
    "Train/a/1.png",
    "Train/b/2.png",
    "test/c/4.png",
    "valid/b/3.png",
  ]);
  expect([all.length, all.classes, Array.from(all.labels!)]).toEqual([4, ["a", "b", "c"], [0, 1, 2, 1]]);
  expect(all.source).toEqual({ data: join(folder, "three"), split: "all" });
});

test("of a folder that is not divided all is the whole, and val is refused", async () => {
  expect(await labelsOf("flat", "all")).toEqual(["5.png"]);
  await expect(labelsOf("flat", "val")).rejects.toMatchObject({ kind: "data", message: /it has none.*ask for train/ });
});

test("of drawn pictures all is train and then test; there is no val", async () => {
  const [train, test] = [drawShapes("train", { length: 20 }), drawShapes("test", { length: 20 })];
  const all = joined("shapes", [
    { name: "train", dataset: train },
    { name: "test", dataset: test },
  ]) as ImageArray;
  expect([all.length, all.classes]).toEqual([40, train.classes]);
  expect(all.labels!.subarray(20)).toEqual(test.labels);
  expect(all.pixels.subarray(all.pixels.length / 2)).toEqual(test.pixels);
  await expect(openDataset("shapes", { split: "val" })).rejects.toMatchObject({ message: /shapes: its val split/ });
  expect((await openDataset("shapes", { split: "all", limit: 50 })).length).toBe(50);
});

test("one picture is a dataset of its own; what is none is refused", async () => {
  expect(await openImageFile(join(folder, "flat/5.png"))).toMatchObject({ length: 1, files: [{ label: "5.png" }] });
  await expect(openImageFile(import.meta.filename)).rejects.toMatchObject({
    kind: "data",
    message: /splits\.test\.ts/,
  });
});

/** Folders as their makers name them, and what is said of each; a name that ends in / holds pictures without class folders. */
test.each([
  [["train", "valid"], "train/ to learn from, valid/ to report on"],
  [["train", "validation"], "train/ to learn from, validation/ to report on"],
  [["Train", "Test"], "Train/ to learn from, Test/ to report on"],
  [["train", "val", "test"], "train/ to learn from, val/ to choose by, test/ to report on"],
  [["TRAIN", "Val", "test/"], "TRAIN/ to learn from, Val/ to report on, test/ without labels"],
  [["train", "test/"], "train/ to learn from, test/ without labels"],
  [["train/", "test/"], "train/ to learn from, test/ left aside"],
  [["Train", "more", "test", "train"], "train/ to learn from, test/ to report on, Train/ left aside, more/ left aside"],
  [["train", "trainees"], ""],
  [["test", "val"], ""],
] as const)("%j is divided so: %s", async (parts, sentence) => {
  const home = mkdtempSync(join(folder, "division-"));
  for (const part of parts)
    for (const below of part.endsWith("/") ? [""] : ["cats/", "dogs/"])
      await putPicture(join(home, part, below, "1.png"));
  const dataset = await openDataset(home);
  expect(describeDivision(dataset)).toBe(sentence);
  if (sentence === "") expect(dataset.classes).toEqual([...parts]);
});
