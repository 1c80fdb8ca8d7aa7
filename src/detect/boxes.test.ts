// N boxes. What is claimed of boxes, anchors, matching, masks and losses, recomputed in float64 or held to a known answer.
import { afterEach, describe, expect, it } from "vitest";
import { keyedStream } from "../random.ts";
import { liveTensors, noGrad, scope, type Tensor, tensor, zeros } from "../torch/index.ts";
import { anchorsOf, usualAnchorSizes } from "./anchors.ts";
import { boxHeadWeights, boxIou, clipBoxes, decodeBoxes, encodeBoxes } from "./boxes.ts";
import { smoothL1Sum } from "./losses.ts";
import { maskLoss, maskTargets, pasteMask } from "./mask-head.ts";
import { background, ignored, matchBoxes, sampleMatches } from "./matching.ts";
import { nms, nmsByClass } from "./nms.ts";
import { roiAlign } from "./roi-align.ts";

afterEach(() => expect(liveTensors().live).toBe(0));
const scoped = (name: string, body: () => void) => it(name, () => scope(body));
const numbers = (value: Tensor): number[] => Array.from(value.data(), Number);
const boxesFrom = (...rows: number[][]) => tensor(rows.flat(), [rows.length, 4]);

function expectNear(values: readonly number[], expected: readonly number[], digits: number): void {
  expect(values.length).toBe(expected.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, digits);
}

/** A box per row, corners in order. */
function drawnBoxes(count: number, seed: number): number[][] {
  const next = keyedStream(seed);
  return Array.from({ length: count }, () => {
    const [x, y] = [80 * next(), 60 * next()];
    return [x, y, x + 2 + 40 * next(), y + 2 + 40 * next()];
  });
}

describe("boxes", () => {
  scoped("deltas lead from anchors to boxes and back", () => {
    const [boxes, anchors] = [boxesFrom(...drawnBoxes(20, 1)), boxesFrom(...drawnBoxes(20, 2))];
    const deltas = encodeBoxes(boxes, anchors, boxHeadWeights);
    const back = decodeBoxes(deltas, anchors, boxHeadWeights);
    expectNear(numbers(back), numbers(boxes), 3);
    const [a, b] = [
      [10, 10, 30, 50],
      [12, 15, 44, 55],
    ] as const;
    const [dx, dy, dw, dh] = numbers(encodeBoxes(boxesFrom([...b]), boxesFrom([...a]), boxHeadWeights));
    expect(dx).toBeCloseTo((10 * (28 - 20)) / 20, 5);
    expect(dy).toBeCloseTo((10 * (35 - 30)) / 40, 5);
    expect(dw).toBeCloseTo(5 * Math.log(32 / 20), 5);
    expect(dh).toBeCloseTo(5 * Math.log(40 / 40), 5);
  });

  scoped("no delta makes a box larger than any picture", () => {
    const huge = decodeBoxes(tensor([0, 0, 1000, 1000], [1, 4]), boxesFrom([0, 0, 16, 16]), [1, 1, 1, 1]);
    expect(numbers(huge)[2]).toBeCloseTo(8 + (16 * 1000) / 16 / 2, 2);
  });

  scoped("edges beyond the picture are moved onto its edge", () => {
    expect(numbers(clipBoxes(boxesFrom([-5, 3, 200, 90]), { height: 50, width: 100 }))).toEqual([0, 3, 100, 50]);
  });

  scoped("overlaps of the hand", () => {
    const overlaps = boxIou(boxesFrom([0, 0, 10, 10]), boxesFrom([5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]));
    expect(numbers(overlaps).map((value) => Number(value.toFixed(4)))).toEqual([0.3333, 0, 1]);
  });

  scoped("anchors lie at the map's places, row by row, with the areas and ratios that were asked for", () => {
    const anchors = numbers(anchorsOf({ stride: 8, sizes: [16, 32] }, 2, 3));
    expect(anchors.length).toBe(2 * 3 * 6 * 4);
    const [x1, y1, x2, y2] = anchors.slice(4 * (6 * 4 + 3)) as [number, number, number, number]; // row 1, column 1, size 32, ratio 0.5
    expectNear([(x1 + x2) / 2, (y1 + y2) / 2], [8, 8], 5);
    expect((y2 - y1) / (x2 - x1)).toBeCloseTo(0.5, 5);
    expect((y2 - y1) * (x2 - x1)).toBeCloseTo(32 * 32, 2);
    expect(usualAnchorSizes(4)).toEqual([8, 16, 32, 64, 128]);
  });
});

describe("non-maximum suppression", () => {
  /** The definition, in float64, box by box. */
  function reference(boxes: number[][], scores: number[], threshold: number): number[] {
    const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
    const kept: number[] = [];
    for (const i of order) if (kept.every((k) => iou(boxes[i]!, boxes[k]!) <= threshold)) kept.push(i);
    return kept;
  }
  function iou(a: number[], b: number[]): number {
    const shared =
      Math.max(0, Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)) *
      Math.max(0, Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!));
    const area = (box: number[]) => (box[2]! - box[0]!) * (box[3]! - box[1]!);
    return shared / (area(a) + area(b) - shared);
  }

  scoped("keeps what the definition keeps, the best first, and no more than was asked for", () => {
    const boxes = drawnBoxes(200, 3);
    const next = keyedStream(4);
    const scores = boxes.map(() => next());
    const expected = reference(boxes, scores, 0.4);
    expect(expected.length).toBeLessThan(150);
    const given = [boxesFrom(...boxes), tensor(scores)] as const;
    expect(numbers(nms(...given, { threshold: 0.4 }))).toEqual(expected);
    expect(numbers(nms(...given, { threshold: 0.4, most: 7 }))).toEqual(expected.slice(0, 7));
  });

  scoped("no boxes, equal scores, boxes of no area", () => {
    expect(nms(zeros([0, 4]), zeros([0]), { threshold: 0.5 }).shape).toEqual([0]);
    expect(nmsByClass(zeros([0, 4]), zeros([0]), zeros([0]), { threshold: 0.5 }).shape).toEqual([0]);
    const equal = boxesFrom([0, 0, 4, 4], [0, 0, 4, 4], [9, 9, 9, 9], [9, 9, 9, 9]);
    expect(numbers(nms(equal, tensor([0.5, 0.5, 0.5, 0.5]), { threshold: 0.5 }))).toEqual([0, 2, 3]);
  });

  scoped("strikes out within a class only", () => {
    const boxes = boxesFrom([0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 9]);
    expect(numbers(nmsByClass(boxes, tensor([0.9, 0.8, 0.7]), tensor([1, 2, 1]), { threshold: 0.5 }))).toEqual([0, 1]);
  });
});

describe("matching", () => {
  const rules = { high: 0.7, low: 0.3 };

  scoped("near boxes belong to a true box, far ones to none, those between to neither", () => {
    const truth = boxesFrom([0, 0, 10, 10], [20, 20, 40, 40]);
    const boxes = boxesFrom([0, 0, 10, 9], [0, 0, 10, 5], [60, 60, 70, 70], [21, 20, 40, 40]);
    expect([...matchBoxes(truth, boxes, rules)]).toEqual([0, ignored, background, 1]);
  });

  scoped("each true box gets its best box, however small the overlap, but none that it does not touch", () => {
    const truth = boxesFrom([0, 0, 10, 10], [100, 100, 110, 110]);
    const boxes = boxesFrom([0, 0, 10, 2], [0, 0, 10, 1], [50, 50, 60, 60]);
    expect([...matchBoxes(truth, boxes, { ...rules, allowsLowQuality: true })]).toEqual([0, background, background]);
  });

  scoped("where nothing is true all is background", () => {
    expect([...matchBoxes(zeros([0, 4]), boxesFrom([0, 0, 1, 1]), rules)]).toEqual([background]);
    expect([...matchBoxes(boxesFrom([0, 0, 1, 1]), zeros([0, 4]), rules)]).toEqual([]);
  });

  it("samples no more positives than their share, fills up with background, and draws the same from the same key", () => {
    const matches = Int32Array.from({ length: 100 }, (_, i) => (i < 40 ? 0 : i < 50 ? ignored : background));
    const draw = () => sampleMatches(matches, { size: 32, positiveShare: 0.25 }, keyedStream(7));
    const { positives, negatives } = draw();
    expect([positives.length, negatives.length]).toEqual([8, 24]);
    expect(positives.every((place) => matches[place] === 0)).toBe(true);
    expect(negatives.every((place) => matches[place] === background)).toBe(true);
    expect(new Set([...positives, ...negatives]).size).toBe(32);
    expect(draw()).toEqual({ positives, negatives });
  });
});

describe("pooling", () => {
  scoped("an image without boxes gives nothing and takes nothing from the others", () => {
    const maps = zeros([2, 3, 5, 6]).add(1);
    expect(roiAlign(maps, [zeros([0, 4]), zeros([0, 4])], { size: 2, scale: 1 }).shape).toEqual([0, 3, 2, 2]);
    const some = roiAlign(maps, [zeros([0, 4]), boxesFrom([1, 1, 4, 4])], { size: 2, scale: 1 });
    expect(numbers(some)).toEqual(new Array(12).fill(1));
  });

  scoped("a linear map is pooled to the values at the middles of the places, for any number of samples", () => {
    const map = tensor(
      Array.from({ length: 20 * 20 }, (_, i) => (i % 20) + 10 * Math.floor(i / 20)),
      [1, 1, 20, 20],
    );
    const box = [2.3, 3.1, 15.7, 12.9];
    for (const samples of [0, 1, 3]) {
      const pooled = numbers(roiAlign(map, [boxesFrom(box)], { size: 2, scale: 1, samples }));
      const middle = (from: number, to: number, place: number) => from + ((place + 0.5) * (to - from)) / 2 - 0.5;
      const expected = [0, 1].flatMap((row) =>
        [0, 1].map((column) => middle(2.3, 15.7, column) + 10 * middle(3.1, 12.9, row)),
      );
      expectNear(pooled, expected, 3);
    }
  });
});

describe("masks", () => {
  scoped("targets say which places of a box its bitmap covers at least by half", () => {
    const bitmap = new Uint8Array(16 * 16);
    for (let y = 0; y < 16; y++) for (let x = 0; x < 8; x++) bitmap[16 * y + x] = 1;
    const targets = maskTargets(tensor(bitmap, [1, 16, 16]), boxesFrom([0, 0, 16, 16], [8, 0, 16, 16]), [0, 0], 4);
    expect(numbers(targets)).toEqual([...[1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0], ...new Array(16).fill(0)]);
  });

  it("a mask that is everywhere fills its box, and nothing beyond the picture", () => {
    const size = { height: 10, width: 12 };
    const bitmap = pasteMask(new Float32Array(16).fill(1), [-4, 2, 6, 7], size);
    const inside = [...bitmap.keys()].filter((i) => bitmap[i] === 1);
    expect(inside.every((i) => i % 12 < 6 && Math.floor(i / 12) >= 2 && Math.floor(i / 12) < 7)).toBe(true);
    expect(inside.length).toBe(6 * 5);
    expect(pasteMask(new Float32Array(16), [0, 0, 6, 7], size).some((value) => value === 1)).toBe(false);
    expect(pasteMask(new Float32Array(16).fill(1), [3, 3, 3, 3], size).length).toBe(120);
  });

  scoped("the loss is that of the true class alone, as float64 has it", () => {
    const next = keyedStream(9);
    const values = Array.from({ length: 2 * 3 * 4 }, () => 4 * next() - 2); // [R, K + 1, 2, 2]
    const goals = [1, 0, 1, 1, 0, 0, 1, 0];
    const terms = [...goals.keys()].map((i) => {
      const [row, place] = [Math.floor(i / 4), i % 4];
      const x = values[row * 12 + [2, 1][row]! * 4 + place]!;
      return Math.log1p(Math.exp(x)) - goals[i]! * x;
    });
    const logits = tensor(values, [2, 3, 2, 2]);
    const loss = maskLoss(logits, Int32Array.of(2, 1), tensor(goals, [2, 2, 2])).item();
    expect(loss).toBeCloseTo(terms.reduce((sum, term) => sum + term, 0) / terms.length, 5);
    expect(maskLoss(zeros([0, 3, 2, 2]), new Int32Array(), zeros([0, 2, 2])).item()).toBe(0);
  });
});

describe("gradients", () => {
  scoped(
    "of smooth L1 are those of finite differences in float64, on both sides of its corner and where it is L1",
    () => {
      const [values, goals] = [
        [0.05, 0.3, -2, 1],
        [0, 0, 0.5, 1.01],
      ];
      for (const beta of [0, 1 / 9, 1]) {
        const x = tensor(Float64Array.from(values)).requiresGrad_();
        smoothL1Sum(x, tensor(Float64Array.from(goals)), beta).backward();
        const loss = (at: number[]) =>
          at.reduce((sum, value, i) => {
            const d = Math.abs(value - goals[i]!);
            return sum + (d < beta ? (0.5 * d * d) / beta : d - 0.5 * beta);
          }, 0);
        const h = 1e-6;
        values.forEach((_, i) => {
          const moved = (by: number) => loss(values.map((value, j) => value + (i === j ? by : 0)));
          expect(numbers(x.grad!)[i]).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 5);
        });
      }
    },
  );

  scoped("of the pooled map are those of finite differences in float64", () => {
    const next = keyedStream(11);
    const values = Float64Array.from({ length: 2 * 4 * 5 }, () => next());
    const boxes = [tensor(Float64Array.of(0.4, -0.7, 4.2, 3.3, 1.1, 1.4, 2.2, 2.9), [2, 4])];
    const loss = (at: Float64Array) => {
      const map = tensor(at, [1, 2, 4, 5]).requiresGrad_();
      const pooled = roiAlign(map, boxes, { size: 3, scale: 0.9 });
      return { map, value: pooled.square().sum() };
    };
    const { map, value } = loss(values);
    value.backward();
    const gradient = numbers(map.grad!);
    noGrad(() =>
      values.forEach((_, i) => {
        const moved = (by: number) => loss(values.map((old, j) => old + (i === j ? by : 0))).value.item();
        expect(gradient[i]).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 3);
      }),
    );
  });
});
