import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labelledClusters } from "../../../test/labelled-clusters.ts";
import { drawnPicture, putPictures } from "../../../test/work-pictures.ts";
import { classifyRows } from "./classifier.ts";
import { classifyPictures } from "./classify.ts";
import { mostInstructive } from "./teach.ts";

const parent = mkdtempSync(join(tmpdir(), "classify-"));
const photos = join(parent, "photos");
const list = (text: string) => {
  const file = join(parent, "labels.csv");
  writeFileSync(file, text);
  return file;
};
const how = { size: 16, warn: () => {} };
const red = [255, 20, 20] as const;
const blue = [20, 20, 255] as const;

beforeAll(async () => {
  await putPictures(join(photos, "a"), 0, 10, red);
  await putPictures(join(photos, "b"), 10, 10, blue);
});
afterAll(() => rmSync(parent, { recursive: true }));

describe("classify", () => {
  it("names the rest after a list, by paths or by file names, with titles or without", async () => {
    const labels = list('picture;class\na/000.png;red\n001.png;red\n"b/010.png";blue\nb/011.png;blue\nb/012.png;\n');
    const found = await classifyPictures("pixels", photos, { ...how, labels, out: join(parent, "found") });
    expect([found.classes, found.labelled, found.pictures.length]).toEqual([["blue", "red"], [2, 2], 16]);
    for (const { name, label, confidence } of found.pictures) {
      expect(label).toBe(name.startsWith("a/") ? "red" : "blue");
      expect(confidence).toBeGreaterThan(0.5);
    }
    expect(found.calibration).toMatchObject({ tested: 4, right: 4 });
    expect(found.teach).toHaveLength(10);
    const html = readFileSync(join(parent, "found/classes.html"), "utf8");
    expect(html).not.toMatch(/https?:|<script|url\(/);
    const bare = await classifyPictures("pixels", photos, {
      ...how,
      labels: list("a/000.png\tred\nb/010.png\tblue\n"),
      teach: 3,
    });
    expect([bare.pictures.length, bare.teach.length, bare.calibration.tested]).toEqual([18, 3, 0]);
  });

  it("names the rest after folders of examples, inside the folder or elsewhere", async () => {
    const examples = join(parent, "examples");
    await putPictures(join(examples, "warm"), 60, 3, red);
    await putPictures(join(examples, "cold"), 70, 3, blue);
    const found = await classifyPictures("pixels", photos, { ...how, labels: examples });
    expect([found.classes, found.labelled, found.pictures.length]).toEqual([["cold", "warm"], [3, 3], 20]);
    expect(found.pictures.filter(({ label }) => label === "warm").every(({ name }) => name.startsWith("a/"))).toBe(
      true,
    );
    const own = await classifyPictures("pixels", parent, { ...how, labels: examples });
    expect(own.pictures.some(({ name }) => name.startsWith("examples/"))).toBe(false);
    expect(own.labelled).toEqual([3, 3]);
  });

  it.each([
    ["a/nowhere.png,red\na/000.png,blue\n", /1 names of .* are no pictures of photos, such as a\/nowhere\.png/],
    ["a/000.png,red\n000.png,blue\n", /calls 000\.png red and blue/],
    ["a/000.png,red\na/001.png,red\n", /names only red; examples of two classes/],
    ["", /names no class/],
    ['a/000.png,"red\n', /two columns, picture and class/],
  ])("refuses %j", async (text, message) => {
    await expect(classifyPictures("pixels", photos, { ...how, labels: list(text) })).rejects.toMatchObject({
      kind: "data",
      message,
    });
  });

  it("refuses labels that are not there, and folders without classes", async () => {
    await expect(classifyPictures("pixels", photos, { ...how, labels: join(parent, "none.csv") })).rejects.toThrow(
      /none\.csv is not there/,
    );
    const bare = join(parent, "bare");
    mkdirSync(bare);
    await (await drawnPicture(5)).toFile(join(bare, "5.png"));
    await expect(classifyPictures("pixels", photos, { ...how, labels: bare })).rejects.toThrow(/has no classes/);
  });
});

describe("confidence", () => {
  /** Clusters that run into one another: some 80 of 100 can be told. */
  const rows = labelledClusters({ classes: 3, perClass: 400, dimensions: 8, distance: 0.28, seed: 5 });
  const places = Array.from({ length: 150 }, (_, i) => i);

  it("is right as often as it says", () => {
    const { confidences, calibration } = classifyRows(rows, places, rows.labels.slice(0, 150), 3);
    const open = Array.from({ length: rows.length - 150 }, (_, i) => i + 150);
    const best = open.map((row) => {
      const own = [...confidences.subarray(3 * row, 3 * row + 3)];
      return { confidence: Math.max(...own), isRight: own.indexOf(Math.max(...own)) === rows.labels[row] };
    });
    const accuracy = best.filter(({ isRight }) => isRight).length / best.length;
    const meanConfidence = best.reduce((sum, own) => sum + own.confidence, 0) / best.length;
    expect([accuracy > 0.5, accuracy < 0.98]).toEqual([true, true]);
    expect(Math.abs(accuracy - meanConfidence)).toBeLessThan(0.06);
    expect(calibration.tested).toBe(150);
    expect(Math.abs(calibration.right / 150 - accuracy)).toBeLessThan(0.1);
  });

  it("is never certainty, however clear the classes are", () => {
    const clear = labelledClusters({ classes: 2, perClass: 20, dimensions: 8, distance: 9 });
    const { confidences, calibration } = classifyRows(clear, Array.from(clear.labels.keys()), clear.labels, 2);
    expect(calibration.right).toBe(40);
    expect(Math.max(...confidences)).toBeLessThan(1);
  });
});

it("what would teach most is in doubt, and no two of it are alike", () => {
  const values = Float32Array.from([1, 0, 1, 0.01, 0, 1, 0.7, 0.7]);
  const table = { values, length: 4, dimensions: 2 };
  expect(mostInstructive(table, [0, 1, 2, 3], [0.9, 0.89, 0.5, 0.1], 3)).toEqual([0, 2, 3]);
  expect(mostInstructive(table, [0], [0], 5)).toEqual([0]);
});
