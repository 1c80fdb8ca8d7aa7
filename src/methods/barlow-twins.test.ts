import { describe, expect, it } from "vitest";
import { freeState, runMethodSuite, tinyBatch, tinySettings, tinyState, vectors } from "../../test/method-suite.ts";
import { barlowTwinsViews } from "../augment/index.ts";
import { namedParameters } from "../nn/index.ts";
import { keyedPermutation } from "../random.ts";
import { cat, manualSeed, noGrad, rand, randn, scope, type Tensor, tensor } from "../torch/index.ts";
import { trainStep } from "../train/index.ts";
import { barlowTwinsFloor, barlowTwinsLoss, crossCorrelation } from "./barlow-twins.ts";

const lambda = 0.0051;

runMethodSuite("barlow-twins", {
  options: { projector: "16-8" },
  isSymmetric: true,
  refusesCollapse: true,
  cases: "barlow",
});

describe("the loss", () => {
  it("has the values and gradients of eq. 1 and 2, in double precision by hand", () =>
    scope(() => {
      const [a, b] = [vectors.za().requiresGrad_(), vectors.zb()];
      const { loss, metrics } = barlowTwinsLoss(a, b, { lambda });
      expect(loss.item()).toBeCloseTo(0.752844427, 5);
      expect(metrics.onDiagonal!.item()).toBeCloseTo(0.7449254458, 5);
      expect(metrics.offDiagonal!.item()).toBeCloseTo(1.5527414246, 5);
      loss.backward();
      const expected = [-0.30081361, -0.02258179, 0.21116342, 0.46286454, 0.27493746, 0.30256249];
      Array.from(a.grad!.float32().slice(0, 6)).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 5);
      });
    }));

  it("correlates features, not images: C is D x D, and the order of the images is nothing to it", () =>
    scope(() => {
      const c = crossCorrelation(vectors.za(), vectors.zb());
      const expected = [
        0.31619319, 0.65140733, 0.68039466, 0.15159884, 0.55198523, 0.71574946, -0.17834147, 0.31366837, 0.72320323,
      ];
      expect(c.shape).toEqual([3, 3]);
      Array.from(c.float32()).forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 5);
      });
      const order = tensor(BigInt64Array.from(keyedPermutation(4, 1), BigInt));
      const permuted = crossCorrelation(vectors.za().indexSelect(0, order), vectors.zb().indexSelect(0, order));
      expect(permuted.sub(c).abs().amax().item()).toBeLessThan(1e-6);
    }));

  it("divides by N in the variance, so equal views reach the diagonal 1 at any batch", () =>
    scope(() => {
      for (const n of [2, 3, 4, 8]) {
        const z = randn([n, 5]).mul(10);
        expect(crossCorrelation(z, z).diagonal().sub(1).abs().amax().item()).toBeLessThan(1e-3);
      }
      expect(barlowTwinsLoss(vectors.za(), vectors.za(), { lambda }).loss.item()).toBeCloseTo(0.0267616065, 6);
    }));

  it("does not feel scale and shift of any feature, in either view alone", () =>
    scope(() => {
      manualSeed(5);
      const [a, b] = [randn([32, 16]), randn([32, 16])];
      const changed = a.mul(rand([1, 16]).mul(9).add(1)).add(randn([1, 16]).mul(5));
      const [plain, moved] = [a, changed].map((z) => barlowTwinsLoss(z, b, { lambda }).loss.item());
      expect(Math.abs(moved! / plain! - 1)).toBeLessThan(1e-4);
    }));

  it("is D where all embeddings are one point", () =>
    scope(() => {
      const point = randn([1, 6]).expand(8, 6);
      expect(barlowTwinsLoss(point, point, { lambda }).loss.item()).toBeCloseTo(6, 5);
    }));

  it("ends at the floor for independent and perfectly invariant features", () =>
    scope(() => {
      manualSeed(11);
      const losses = Array.from({ length: 40 }, () => {
        const z = randn([64, 32]);
        return barlowTwinsLoss(z, z, { lambda }).loss.item();
      });
      const mean = losses.reduce((sum, loss) => sum + loss) / losses.length;
      expect(barlowTwinsFloor(lambda, 32, 64)).toBeCloseTo((0.0051 * 32 * 31) / 63, 12);
      expect(Math.abs(mean / barlowTwinsFloor(lambda, 32, 64) - 1)).toBeLessThan(0.03);
    }));

  it("is a sum over images once the statistics are global: uneven shards add up to the whole", () =>
    scope(() => {
      manualSeed(6);
      const [a, b] = [randn([13, 7]).mul(3).add(1), randn([13, 7])];
      const shards = (z: Tensor) => [z.narrow(0, 0, 3), z.narrow(0, 3, 8), z.narrow(0, 11, 2)];
      const statistics = (z: Tensor) => {
        const sums = shards(z).map((part) =>
          cat([part.sum({ dim: 0, keepDim: true }), part.square().sum({ dim: 0, keepDim: true })]),
        );
        const total = sums.reduce((sum, part) => sum.add(part)).div(13); // [2, D]: E z, E z²
        const mean = total.narrow(0, 0, 1);
        return { mean, std: total.narrow(0, 1, 1).sub(mean.square()).add(1e-5).sqrt() };
      };
      const [forA, forB] = [statistics(a), statistics(b)];
      const parts = shards(a).map((part, i) =>
        part.sub(forA.mean).div(forA.std).T.matmul(shards(b)[i]!.sub(forB.mean).div(forB.std)),
      );
      const sum = parts.reduce((total, part) => total.add(part)).div(13);
      expect(sum.sub(crossCorrelation(a, b)).abs().amax().item()).toBeLessThan(1e-5);
    }));

  it("refuses one image and unequal shapes with a sentence", () =>
    scope(() => {
      expect(() => barlowTwinsLoss(randn([1, 3]), randn([1, 3]), { lambda })).toThrow(
        "[1, 3] and [1, 3]; two matrices of one shape [N, D], N at least 2",
      );
      expect(() => barlowTwinsLoss(randn([4, 3]), randn([4, 5]), { lambda })).toThrow("[4, 3] and [4, 5]");
    }));
});

it("multiplies loss and floor by lossScale", () => {
  const [plain, scaled] = [1, 0.024].map((lossScale) => tinyState("barlow-twins", { projector: "16-8", lossScale }));
  const losses = [plain!, scaled!].map((state) => trainStep(state, tinyBatch()).loss);
  expect(losses[1]! / losses[0]!).toBeCloseTo(0.024, 6);
  expect(scaled!.floor / plain!.floor).toBeCloseTo(0.024, 12);
  expect(plain!.floor).toBeCloseTo((0.0051 * 8 * 7) / 7, 12);
  freeState(plain!);
  freeState(scaled!);
});

it("has no batch norm in the projector when told so", () => {
  const [withNorm, without] = [true, false].map((projectorNorm) =>
    tinyState("barlow-twins", { projector: "16-16-8", projectorNorm }),
  );
  const names = (state: typeof withNorm) => [...namedParameters(state!.method.trainable.projector!).keys()];
  expect(names(withNorm)).toEqual(["0.weight", "1.weight", "1.bias", "3.weight", "4.weight", "4.bias", "6.weight"]);
  expect(names(without)).toEqual(["0.weight", "2.weight", "4.weight"]);
  freeState(withNorm!);
  freeState(without!);
});

describe("asymmetry", () => {
  const build = (asymmetry: "none" | "stop-gradient" | "predictor" | "both") =>
    tinyState("barlow-twins", { projector: "16-8", asymmetry });

  it.each(["none", "stop-gradient", "predictor", "both"] as const)(
    "%s: predictor and gradient stand where table 6 has them",
    (asymmetry) => {
      const state = build(asymmetry);
      const isPredicting = asymmetry === "predictor" || asymmetry === "both";
      const isHeld = asymmetry === "stop-gradient" || asymmetry === "both";
      scope(() => {
        const context = { step: 0, totalSteps: 1, stepsPerEpoch: 1, seed: 0 };
        const inputs = [randn([8, 32]).requiresGrad_(), randn([8, 32]).requiresGrad_()];
        state.method.loss(state.method.embed(inputs, context), context).loss.backward();
        expect(inputs[0]!.grad!.norm().item()).toBeGreaterThan(0);
        expect(inputs[1]!.grad === undefined).toBe(isHeld);
      });
      expect("predictor" in state.method.trainable).toBe(isPredicting);
      expect(Number.isFinite(trainStep(state, tinyBatch()).loss)).toBe(true);
      freeState(state);
    },
  );

  it("predicts with two layers as wide as the embedding", () => {
    const state = build("predictor");
    const shapes = noGrad(() =>
      Array.from(namedParameters(state.method.trainable.predictor!), ([name, { shape }]) => [name, ...shape]),
    );
    expect(shapes).toEqual([
      ["0.weight", 8, 8],
      ["1.weight", 8],
      ["1.bias", 8],
      ["3.weight", 8, 8],
    ]);
    freeState(state);
  });

  it("names the nearest option for a slip", () => {
    expect(() => tinySettings("barlow-twins", { asymetry: "both" } as never)).toThrow("Did you mean asymmetry?");
  });
});

describe("more than two views", () => {
  const views = [...barlowTwinsViews({ size: 16 }), { ...barlowTwinsViews({ size: 16 })[0], size: 8 }];

  it("the loss and its parts are the means over all pairs", () => {
    const state = tinyState("barlow-twins", { projector: "16-8", views });
    scope(() => {
      const context = { step: 0, totalSteps: 1, stepsPerEpoch: 1, seed: 0 };
      const [a, b, c] = [randn([8, 8]), randn([8, 8]), randn([8, 8])];
      const { loss, metrics } = state.method.loss([a, b, c], context);
      const pairs = [
        barlowTwinsLoss(a, b, { lambda }),
        barlowTwinsLoss(a, c, { lambda }),
        barlowTwinsLoss(b, c, { lambda }),
      ];
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value) / values.length;
      expect(loss.item()).toBeCloseTo(mean(pairs.map((pair) => pair.loss.item())), 4);
      expect(metrics.onDiagonal!.item()).toBeCloseTo(mean(pairs.map((pair) => pair.metrics.onDiagonal!.item())), 4);
    });
    freeState(state);
  });

  it("may be smaller ones, and mixed ones beside them", () => {
    const [plain, mixed] = [0, 1].map((mixing) => tinyState("barlow-twins", { projector: "16-8", views, mixing }));
    const results = [plain!, mixed!].map((state) => trainStep(state, tinyBatch()));
    expect(results[1]!.loss - results[0]!.loss).toBeCloseTo(lambda * results[1]!.mixed!, 4);
    freeState(plain!);
    freeState(mixed!);
  });

  it("are refused with an asymmetry, which is of two", () => {
    expect(() => tinySettings("barlow-twins", { views, asymmetry: "predictor", mixing: 1 })).toThrow(
      "settings: asymmetry predictor with 3 views; it makes the two of a pair unlike, so two are needed;",
    );
  });
});
