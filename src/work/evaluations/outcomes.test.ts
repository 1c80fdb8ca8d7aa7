import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { evaluate } from "../evaluate.ts";
import { compareOutcomes, type Outcomes, outcomesOf, readOutcomes, writeOutcomes } from "./outcomes.ts";

const folder = mkdtempSync(join(tmpdir(), "outcomes-"));
afterAll(() => rmSync(folder, { recursive: true }));

const kept = (scores: number[], changes: Partial<Outcomes> = {}): Outcomes => ({
  ...{ format: 1, protocol: "knn-v1 k=2 T=0.1", source: "a", data: "photos", scores },
  images: scores.map((_, i) => `${i}.png`),
  ...changes,
});

test("outcomes of an evaluation are kept, read again and held against another's", async () => {
  const options = { limit: 60, size: 8, device: "cpu" };
  const [pixels, untrained] = [
    await evaluate("pixels", "knn", "shapes", options),
    await evaluate("untrained", "few-shot", "shapes", { ...options, labels: 2, draws: 3 }),
  ];
  const path = join(folder, "pixels.json");
  writeOutcomes(path, outcomesOf(pixels));
  const first = readOutcomes(path);
  expect(first.images).toHaveLength(60);
  expect(first.images[0]).toMatch(/^shapes\[\d+\]$/);
  expect(first.scores.reduce((sum, own) => sum + own, 0)).toBe(pixels.correct);
  const found = compareOutcomes(first, outcomesOf(untrained));
  expect(found.values[0]).toBeCloseTo(pixels.value, 12);
  expect(found.values[1]).toBeCloseTo(untrained.value, 5);
  expect(found).toMatchObject({
    count: 60,
    sources: ["pixels", "untrained"],
    test: "paired bootstrap, 2000 resamples",
  });
  expect(found.notes).toEqual(["the two were measured by different protocols"]);
});

test("images are paired by name, whatever their order; those of one alone are counted", () => {
  const first = kept([1, 0, 1]);
  const second = kept([0, 1, 1, 1], { images: ["2.png", "0.png", "1.png", "9.png"], source: "b" });
  expect(compareOutcomes(first, second)).toMatchObject({
    count: 3,
    discordant: [1, 1],
    notes: ["images that only one of the two has answered are left out: 1"],
  });
});

test("other data, or no image in common: refused", () => {
  expect(() => compareOutcomes(kept([1]), kept([1], { data: "cats" }))).toThrow(/measured on photos, a on cats/);
  expect(() => compareOutcomes(kept([1]), kept([1], { images: ["x"] }))).toThrow(/no image in common/);
});

test.each([
  ["", /is no JSON/],
  ['{"format": 1}', /holds something else/],
  [JSON.stringify(kept([1, 0], { images: ["0.png"] })), /holds something else/],
  [JSON.stringify(kept([1])).replace("[1]", "[null]"), /holds something else/],
])("a file with %j is refused", (text, message) => {
  const path = join(folder, "bad.json");
  writeFileSync(path, text);
  expect(() => readOutcomes(path)).toThrow(message);
});

test("a file that is not there, a report without outcomes", () => {
  expect(() => readOutcomes(join(folder, "none.json"))).toThrow(/cannot be read; the outcomes of an evaluation/);
  expect(() => outcomesOf({ protocol: "svm-v1", value: 0.5, notes: [] })).toThrow(/svm-v1 has no score for each image/);
});
