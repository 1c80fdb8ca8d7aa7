import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { unpacked, unpackInto } from "../../../test/coco-reference.ts";
import { drawnDetections, drawnSet } from "../../../test/drawn-detections.ts";
import { type DetectionSet, type Detections, openDetectionSet, readCocoResults } from "../../data/annotations/index.ts";
import { type CocoNumbers, cocoMatches, cocoScores, scoresOfMatches, vocScores } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-coco-"));
afterAll(() => rmSync(folder, { recursive: true }));

const order: readonly (keyof CocoNumbers)[] = [
  ...(["AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge"] as const),
  ...(["AR1", "AR10", "AR100", "ARsmall", "ARmedium", "ARlarge"] as const),
];
/** In pycocotools' order; where nothing is to be found it says -1. */
const stats = (scores: CocoNumbers): number[] => order.map((name) => scores[name] ?? -1);

/** The largest difference. */
const apart = (computed: readonly number[], expected: readonly number[]): number =>
  Math.max(...expected.map((value, place) => Math.abs(value - computed[place]!)));

interface KnownRun {
  results: string;
  stats: number[];
  AP_per_category_id: Record<string, number | null>;
  stats_useCats0: number[];
}

describe("COCO's known answers", () => {
  const { runs } = JSON.parse(unpacked("expected.json")) as { runs: Record<"bbox" | "segm", KnownRun> };
  let set: DetectionSet;
  beforeAll(async () => {
    const path = unpackInto(folder, "instances_val2014_100.json");
    set = await openDetectionSet(path, { split: "all", withPictures: false });
  });

  it.each([
    ["boxes", "bbox"],
    ["masks", "segm"],
  ] as const)("%s, by class and without classes, to 1e-9", (of, run) => {
    const expected = runs[run];
    const { detections, issues, haveMasks } = readCocoResults(unpackInto(folder, expected.results), set);
    expect([issues, haveMasks]).toEqual([[], of === "masks"]);
    const scores = cocoScores(set, detections, { of });
    expect(apart(stats(scores), expected.stats)).toBeLessThan(1e-9);
    const byCategory = set.categories.map(({ id }) => expected.AP_per_category_id[id] ?? -1);
    const computed = scores.categories.map(({ AP }) => AP ?? -1);
    expect(computed.length).toBe(80);
    expect(apart(computed, byCategory)).toBeLessThan(1e-9);
    const agnostic = cocoScores(set, detections, { of, classAgnostic: true });
    expect(apart(stats(agnostic), expected.stats_useCats0)).toBeLessThan(1e-9);
    expect(agnostic.categories).toEqual([]);
  });

  it("weights count pictures as often as they say", () => {
    const { detections } = readCocoResults(unpackInto(folder, runs.bbox.results), set);
    const matches = cocoMatches(set, detections);
    const once = scoresOfMatches(set, matches);
    const ones = new Uint8Array(set.images.length).fill(1);
    expect(scoresOfMatches(set, matches, ones)).toEqual(once);
    const twice = scoresOfMatches(set, matches, new Uint8Array(set.images.length).fill(2));
    expect(apart(stats(twice), stats(once))).toBeLessThan(1e-9);
    const half = scoresOfMatches(
      set,
      matches,
      Uint8Array.from(ones, (_, image) => image % 2),
    );
    expect(apart(stats(half), stats(once))).toBeGreaterThan(1e-3);
  });
});

interface RandomCase {
  truth: unknown;
  boxes: unknown;
  masks: unknown;
  stats: Record<string, number[]>;
}
const random = JSON.parse(unpacked("random_cases.json")) as { cases: RandomCase[] };

describe.each(random.cases.map((given, place) => ({ place, ...given })))(
  "ties, crowds, areas: case $place",
  (given) => {
    it.each([
      ["boxes", "bbox"],
      ["masks", "segm"],
    ] as const)("%s equal pycocotools", async (of, kind) => {
      const [truth, results] = [join(folder, `truth-${given.place}.json`), join(folder, `${of}-${given.place}.json`)];
      writeFileSync(truth, JSON.stringify(given.truth));
      writeFileSync(results, JSON.stringify(given[of]));
      const set = await openDetectionSet(truth, { split: "all", withPictures: false });
      const { detections } = readCocoResults(results, set);
      const byClass = stats(cocoScores(set, detections, { of }));
      expect(apart(byClass, given.stats[`${kind} by class`]!)).toBeLessThan(1e-9);
      const anyClass = stats(cocoScores(set, detections, { of, classAgnostic: true }));
      expect(apart(anyClass, given.stats[`${kind} any class`]!)).toBeLessThan(1e-9);
    });
  },
);

describe("detections of another set are refused", () => {
  const set = drawnSet([[{ box: [0, 0, 10, 10] }], []]);
  const [sound, none] = drawnDetections([[{ box: [0, 0, 10, 10] }], []]) as [Detections, Detections];
  const mask = { height: 10, width: 10, counts: Uint32Array.of(100) };
  it.each<[string, "boxes" | "masks", Detections[]]>([
    ["detections of 1 pictures", "boxes", [sound]],
    ["8 sides and 1 classes in picture 1", "boxes", [{ ...sound, boxes: new Float64Array(8) }, none]],
    ["a score that is no number", "boxes", [{ ...sound, scores: Float64Array.of(Number.NaN) }, none]],
    ["a box with a side that is no number", "boxes", [{ ...sound, boxes: Float64Array.of(0, 0, Number.NaN, 1) }, none]],
    ["class 1 in picture 1", "boxes", [{ ...sound, classes: Int32Array.of(1) }, none]],
    ["class -1 in picture 1", "boxes", [{ ...sound, classes: Int32Array.of(-1) }, none]],
    ["0 masks in picture 1", "masks", [sound, none]],
    ["a mask of 10x10 in picture 1", "masks", [{ ...sound, masks: [mask] }, none]],
  ])("%s", (expected, of, detections) => {
    expect(() => cocoScores(set, detections, { of })).toThrow(expected);
    if (of === "boxes") expect(() => vocScores(set, detections)).toThrow(expected);
  });
});
