// The mixtures' loss against the paper's formula in double precision on plain numbers: correlations and expected correlations apart.
import { afterAll, describe, expect, it } from "vitest";
import { freeState, tinyBatch, tinySettings, tinyState } from "../../test/method-suite.ts";
import { barlowTwinsViews } from "../augment/index.ts";
import { keyedStream } from "../random.ts";
import { liveTensors, rand, scope, tensor } from "../torch/index.ts";
import { type PartialSettings, trainStep } from "../train/index.ts";
import { contextOf } from "../train/state.ts";
import { mixedLoss, mixedShare, mixedViews, partnersOf } from "./mixed-views.ts";

type Matrix = number[][];
const [n, d] = [6, 5];
const share = 0.3;

const matrix = (key: number): Matrix => {
  const draw = keyedStream(11, key);
  return Array.from({ length: n }, () => Array.from({ length: d }, () => 4 * draw() - 1));
};
const [za, zb, zm] = [matrix(1), matrix(2), matrix(3)];
const swapped = (m: Matrix): Matrix => m.map((_, row) => m[row % 2 === 0 ? row + 1 : row - 1]!);

function standardized(m: Matrix): Matrix {
  const statistics = Array.from({ length: d }, (_, j) => {
    const column = m.map((row) => row[j]!);
    const mean = column.reduce((sum, value) => sum + value) / n;
    return { mean, variance: column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n };
  });
  return m.map((row) =>
    row.map((value, j) => (value - statistics[j]!.mean) / Math.sqrt(statistics[j]!.variance + 1e-5)),
  );
}

/** xᵀ y / N. */
const correlation = (x: Matrix, y: Matrix): Matrix =>
  Array.from({ length: d }, (_, i) =>
    Array.from({ length: d }, (_, j) => x.reduce((sum, row, image) => sum + row[i]! * y[image]![j]!, 0) / n),
  );

/** ‖C(M, V) − α C(A, V) − (1 − α) C(P B, V)‖² for both views V. */
function expectedLoss(a: Matrix, b: Matrix, m: Matrix): number {
  const [viewA, viewB, mixed] = [a, b, m].map(standardized) as [Matrix, Matrix, Matrix];
  return [viewA, viewB].reduce((sum, view) => {
    const [found, ofA, ofB] = [mixed, viewA, swapped(viewB)].map((own) => correlation(own, view));
    const squares = found!.flatMap((row, i) =>
      row.map((value, j) => (value - share * ofA![i]![j]! - (1 - share) * ofB![i]![j]!) ** 2),
    );
    return sum + squares.reduce((total, square) => total + square);
  }, 0);
}

const asTensor = (m: Matrix) => tensor(Float32Array.from(m.flat()), [n, d]);

afterAll(() => expect(liveTensors().live).toBe(0));

describe("the loss of mixtures", () => {
  it("is the paper's, in double precision", () =>
    scope(() => {
      const found = mixedLoss(asTensor(za), asTensor(zb), asTensor(zm), share).item();
      expect(Math.abs(found / expectedLoss(za, zb, zm) - 1)).toBeLessThan(1e-5);
    }));

  it("has the gradients of that formula to all three, by central differences", () =>
    scope(() => {
      const leaves = [za, zb, zm].map((m) => asTensor(m).requiresGrad_());
      mixedLoss(leaves[0]!, leaves[1]!, leaves[2]!, share).backward();
      const step = 1e-5;
      for (const which of [0, 1, 2])
        for (const at of [0, 7, n * d - 1]) {
          const moved = (by: number) =>
            expectedLoss(
              ...([za, zb, zm].map((m, i) =>
                m.map((row, r) => row.map((v, c) => (i === which && r * d + c === at ? v + by : v))),
              ) as [Matrix, Matrix, Matrix]),
            );
          const expected = (moved(step) - moved(-step)) / (2 * step);
          expect(Math.abs(leaves[which]!.grad!.float32()[at]! - expected)).toBeLessThan(
            1e-3 * Math.max(1, Math.abs(expected)),
          );
        }
    }));

  it("is 0 where the mixture is the first view alone and is seen as it", () =>
    scope(() => {
      expect(mixedLoss(asTensor(za), asTensor(zb), asTensor(za), 1).item()).toBeLessThan(1e-10);
      expect(mixedLoss(asTensor(za), asTensor(zb), asTensor(zm), 1).item()).toBeGreaterThan(0.1);
    }));
});

it("mixes each picture with its neighbour, in a share of (seed, step)", () =>
  scope(() => {
    const context = { step: 3, totalSteps: 9, stepsPerEpoch: 3, seed: 5 };
    const [a, b] = [rand([4, 3, 8, 8]), rand([4, 3, 8, 8])];
    const found = mixedViews([a, b], context).contiguous().float32();
    const alpha = mixedShare(context);
    const [own, others] = [a.float32(), b.float32()];
    const size = 3 * 64;
    found.forEach((value, at) => {
      const [image, rest] = [Math.floor(at / size), at % size];
      const partner = image % 2 === 0 ? image + 1 : image - 1;
      expect(Math.abs(value - alpha * own[at]! - (1 - alpha) * others[partner * size + rest]!)).toBeLessThan(1e-6);
    });
    expect(mixedShare({ ...context, step: 4 })).not.toBe(alpha);
    expect(partnersOf(tensor(Float32Array.of(1, 2, 3, 4), [4, 1])).float32()).toEqual(Float32Array.of(2, 1, 4, 3));
  }));

describe("a run with mixed views", () => {
  const options = { projector: "16-8", lambda: 0.01 };

  it("adds mixing x lambda of it to the loss and logs it; 0 is the method itself", () => {
    const results = [0, 1, 3].map((mixing) => {
      const state = tinyState("barlow-twins", { ...options, mixing });
      const result = trainStep(state, tinyBatch());
      freeState(state);
      return result;
    });
    expect(results[0]!.mixed).toBeUndefined();
    const [plain, once, thrice] = results.map(({ loss }) => loss);
    expect(once! - plain!).toBeCloseTo(0.01 * results[1]!.mixed!, 5);
    expect(thrice! - plain!).toBeCloseTo(0.03 * results[2]!.mixed!, 5);
  });

  it("keeps both views' asymmetry, and has a third embedding that is not predicted", () => {
    const state = tinyState("barlow-twins", { ...options, mixing: 1, asymmetry: "both" });
    scope(() => {
      const views = [0, 1].map(() => rand([8, 3, 16, 16]));
      const context = contextOf(state);
      const embeddings = state.method.embed(state.method.represent(views, context), context);
      expect(embeddings.map(({ shape }) => shape)).toEqual([
        [8, 8],
        [8, 8],
        [8, 8],
      ]);
      state.method.loss(embeddings, context).loss.backward();
    });
    freeState(state);
  });

  it("is refused where pictures are left without a partner, or the views have two sizes", () => {
    const refused = (more: PartialSettings) => () => tinySettings("barlow-twins", { ...options, mixing: 1, ...more });
    expect(refused({ batchSize: 7 })).toThrow(
      "settings: mixing 1 with 7 images that pass through the network together; an even number is needed",
    );
    expect(refused({ batchSize: 12, microBatch: 3 })).toThrow("mixing 1 with 3 images");
    const [first, second] = barlowTwinsViews({ size: 16 });
    expect(refused({ views: [first, { ...second, size: 8 }] })).toThrow("mixing 1 with views of 16 and 8 pixels;");
    expect(tinySettings("barlow-twins", { batchSize: 7 }).mixing).toBe(0);
  });

  it("stops where a process's part of the batch is odd", () => {
    const state = tinyState("barlow-twins", { ...options, mixing: 1 });
    expect(() => trainStep(state, tinyBatch(0, 7))).toThrow(
      "mixing: 7 images that pass through the network together; an even number",
    );
    freeState(state);
  });
});
