// VOC's average precision by hand and by a second way of reckoning it in float64.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Box, drawnDetections, drawnSet } from "../../../test/drawn-detections.ts";
import { cocoScores, vocScores } from "./index.ts";

const near: Box = [0, 0, 10, 10];
const far: Box = [50, 50, 60, 60];
/** Overlap with `near`: 7 / 13. */
const shifted: Box = [3, 0, 13, 10];
/** Overlap with `near`: exactly a half. */
const half: Box = [0, 0, 10, 5];

describe("by hand", () => {
  const score = (
    set: Parameters<typeof drawnSet>[0],
    found: Parameters<typeof drawnDetections>[0],
    metric = "area" as const,
  ) => vocScores(drawnSet(set), drawnDetections(found), { metric }).AP50;

  it("one object found is 1, none found 0, none there null", () => {
    expect(score([[{ box: near }]], [[{ box: near }]])).toBe(1);
    expect(score([[{ box: near }]], [[{ box: far }]])).toBe(0);
    expect(score([[{ box: near }]], [[]])).toBe(0);
    expect(score([[]], [[{ box: near }]])).toBeNull();
  });

  it("the second detection of an object is wrong", () => {
    const set = [[{ box: near }, { box: far }]];
    const found = [
      [
        { box: near, score: 0.9 },
        { box: shifted, score: 0.8 },
        { box: far, score: 0.7 },
      ],
    ];
    expect(score(set, found)).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12); // precision 1, then 1/2, then 2/3
  });

  it("an overlap of a half does not exceed a half", () => {
    expect(score([[{ box: near }]], [[{ box: half }]])).toBe(0);
    expect(score([[{ box: near }]], [[{ box: shifted }]])).toBe(1);
  });

  it("difficult objects are neither to be found nor wrong", () => {
    const set = [[{ box: near, isDifficult: true }, { box: far }]];
    const found = [
      [
        { box: near, score: 0.9 },
        { box: near, score: 0.8 },
        { box: far, score: 0.7 },
      ],
    ];
    expect(score(set, found)).toBe(1);
    expect(vocScores(drawnSet(set), drawnDetections(found)).categories[0]).toMatchObject({ objects: 1 });
    expect(score([[{ box: near, isDifficult: true }]], [[{ box: near }]])).toBeNull();
  });

  it("equal scores stand in the order of pictures, then of detections", () => {
    const set = [[{ box: near }], [{ box: near }]];
    const [right, wrong] = [
      { box: near, score: 0.5 },
      { box: far, score: 0.5 },
    ];
    expect(score(set, [[right, wrong], []])).toBe(0.5);
    expect(score(set, [[wrong, right], []])).toBe(0.25);
    expect(score(set, [[], [right, wrong]])).toBe(0.5);
  });

  it("eleven points read the best precision from each recall on", () => {
    const set = [[{ box: near }, { box: far }]];
    const found = [
      [
        { box: near, score: 0.9 },
        { box: shifted, score: 0.8 },
      ],
    ];
    const scores = vocScores(drawnSet(set), drawnDetections(found), { metric: "eleven-points" });
    expect(scores.AP50).toBeCloseTo(6 / 11, 12); // precision 1 up to recall 0.5
    expect(vocScores(drawnSet(set), drawnDetections(found)).AP50).toBeCloseTo(0.5, 12);
  });

  it("classes without objects take no part in the mean", () => {
    const set = drawnSet([[{ box: near, class: 0 }]], 3);
    const scores = vocScores(
      set,
      drawnDetections([
        [
          { box: near, class: 0 },
          { box: far, class: 2 },
        ],
      ]),
    );
    expect([scores.AP, scores.AP50, scores.AP75]).toEqual([1, 1, 1]);
    expect(scores.categories.map(({ AP50 }) => AP50)).toEqual([1, null, null]);
  });
});

const corner = fc.integer({ min: 0, max: 12 });
const boxes = fc
  .tuple(corner, corner, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }))
  .map(([left, top, width, height]): Box => [left, top, left + width, top + height]);
const objects = fc.record({ box: boxes, isDifficult: fc.boolean() });
const found = fc.record({ box: boxes, score: fc.integer({ min: 1, max: 40 }).map((tick) => tick / 40) });
const scenes = fc.array(fc.tuple(fc.array(objects, { maxLength: 4 }), fc.array(found, { maxLength: 6 })), {
  minLength: 1,
  maxLength: 4,
});
type Scenes = [{ box: Box; isDifficult: boolean }[], { box: Box; score: number }[]][];

const overlapOf = ([a, b, c, d]: Box, [e, f, g, h]: Box): number => {
  const shared = Math.max(0, Math.min(c, g) - Math.max(a, e)) * Math.max(0, Math.min(d, h) - Math.max(b, f));
  return shared / ((c - a) * (d - b) + (g - e) * (h - f) - shared);
};

/** Written anew: each detection is judged by looking at all surer ones, and the area summed recall by recall. */
function recomputed(given: Scenes, threshold: number, isElevenPoints: boolean): number | null {
  const detections = given.flatMap(([, own], image) => own.map((detection) => ({ ...detection, image })));
  const sorted = detections.map((detection, place) => ({ ...detection, place }));
  sorted.sort((a, b) => b.score - a.score || a.place - b.place);
  const targets = sorted.map(({ box, image }) => {
    const overlaps = given[image]![0].map((object) => overlapOf(box, object.box));
    const most = Math.max(0, ...overlaps);
    return most > threshold ? `${image}:${overlaps.indexOf(most)}` : undefined;
  });
  const isDifficult = (target: string) =>
    given[Number(target.split(":")[0])]![0][Number(target.split(":")[1])]!.isDifficult;
  const wanted = given.flatMap(([own]) => own).filter((object) => !object.isDifficult).length;
  if (wanted === 0) return null;
  const counted = targets.filter((target) => target === undefined || !isDifficult(target));
  const isRight = counted.map((target, turn) => target !== undefined && counted.indexOf(target) === turn);
  const rightUpTo = (turn: number) => isRight.slice(0, turn + 1).filter(Boolean).length;
  const bestFrom = (right: number) =>
    Math.max(0, ...isRight.map((_, turn) => (rightUpTo(turn) >= right ? rightUpTo(turn) / (turn + 1) : 0)));
  if (!isElevenPoints)
    return (
      Array.from({ length: wanted }, (_, right) => bestFrom(right + 1)).reduce((sum, best) => sum + best, 0) / wanted
    );
  const recalls = Array.from({ length: 11 }, (_, step) => step * 0.1);
  const bestAt = (recall: number) => {
    const right = Array.from({ length: wanted + 1 }, (_, count) => count).find((count) => count / wanted >= recall);
    return right === undefined ? 0 : bestFrom(right);
  };
  return recalls.map(bestAt).reduce((sum, best) => sum + best, 0) / 11;
}

describe("reckoned a second time", () => {
  it.each(["area", "eleven-points"] as const)("%s", (metric) => {
    fc.assert(
      fc.property(scenes, (given) => {
        const set = drawnSet(given.map(([own]) => own));
        const scores = vocScores(set, drawnDetections(given.map(([, own]) => own)), { metric });
        const expected = recomputed(given, 0.5, metric === "eleven-points");
        if (expected === null) expect(scores.AP50).toBeNull();
        else expect(scores.AP50).toBeCloseTo(expected, 12);
        const strict = recomputed(given, 0.5 + 5 * ((0.95 - 0.5) / 9), metric === "eleven-points");
        if (strict !== null) expect(scores.AP75).toBeCloseTo(strict, 12);
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});

it("perfect detections are worth 1 by every number", () => {
  const objects = [[{ box: near }, { box: far }], [{ box: shifted }]];
  const [set, detections] = [drawnSet(objects), drawnDetections(objects)];
  expect(vocScores(set, detections)).toMatchObject({ AP: 1, AP50: 1, AP75: 1 });
  const { AP, AR100 } = cocoScores(set, detections);
  expect([AP!, AR100!].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([1, 1]);
});
