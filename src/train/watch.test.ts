import { describe, expect, it } from "vitest";
import { representationStatistics } from "../nn/index.ts";
import { manualSeed, randn, scope } from "../torch/index.ts";
import { collapseWatch, type RepresentationHealth } from "./watch.ts";

const healthy: RepresentationHealth = { featureStd: 1, effectiveRank: 40, deadDimensions: 0 };

function observeAll(...healths: Partial<RepresentationHealth>[]): (string | undefined)[] {
  const watch = collapseWatch();
  return healths.map((health, step) => watch.observe(step, { ...healthy, ...health }));
}

describe("collapseWatch", () => {
  it("is silent while features spread and many directions are in use", () => {
    expect(observeAll({}, { effectiveRank: 10 }, { effectiveRank: 60 }, { featureStd: 0.2 })).toEqual(
      Array(4).fill(undefined),
    );
  });

  it("calls a point, a line and a fall by their names, with the numbers and what to do", () => {
    expect(observeAll({ featureStd: 0.01 })[0]).toMatch(
      /^step 0: .*one point \(feature std 0\.0100\).*lower optimizer\.learningRate/,
    );
    expect(observeAll({ effectiveRank: 1.2 })[0]).toMatch(/on a line \(effective rank 1\.2\)/);
    expect(observeAll({}, {}, {}, { effectiveRank: 4 })[3]).toMatch(/^step 3: effective rank fell from 40\.0 to 4\.0/);
  });

  it("does not hold the many directions of random weights against a run that gives them up at once", () => {
    const ranks = [67.2, 9.6, 7.4, 7.1, 7, 7.2, 7.5, 8.1]; // Barlow Twins, whole, on shapes
    expect(observeAll(...ranks.map((effectiveRank) => ({ effectiveRank })))).toEqual(Array(8).fill(undefined));
  });

  it("is silent where many directions are given up and enough are left", () => {
    const ranks = [80.2, 61.5, 37.7, 7.1, 6.4, 6.3, 6.3]; // SimSiam, whole, on shapes
    expect(observeAll(...ranks.map((effectiveRank) => ({ effectiveRank })))).toEqual(Array(7).fill(undefined));
  });

  it("finds each of the ways in which methods fell when their guard was taken off, and says what holds at the end", () => {
    const falls = {
      line: [67.2, 3.4, 2.4, 2.3, 2.1, 1.9, 1.8, 1.8], // Barlow Twins, invariance alone: its features repeat each other
      fall: [39.7, 35.1, 16.5, 7.6, 5.1, 2.3, 2.2, 2.3], // SimCLR without negatives, before it reached 1.5
    };
    for (const [kind, ranks] of Object.entries(falls)) {
      const watch = collapseWatch();
      for (const [step, effectiveRank] of ranks.entries()) watch.observe(step, { ...healthy, effectiveRank });
      expect(watch.standing()?.kind).toBe(kind);
    }
  });

  it("takes what is not a number for a point", () => {
    expect(observeAll({ featureStd: Number.NaN, effectiveRank: Number.NaN })[0]).toContain("one point");
  });

  it("warns once for each fall, and again only after a recovery", () => {
    const point = { featureStd: 0 };
    const said = observeAll(point, point, {}, point, { effectiveRank: 1 }, { effectiveRank: 1 });
    expect(said.map((text) => text !== undefined)).toEqual([true, false, false, true, true, false]);
  });

  it("judges real embeddings: noise is healthy, a point and a line are not", () => {
    manualSeed(0);
    const verdictOf = (make: () => ReturnType<typeof randn>) =>
      collapseWatch().observe(
        0,
        scope(() => representationStatistics(make())),
      );
    expect(verdictOf(() => randn([64, 32]))).toBeUndefined();
    expect(verdictOf(() => randn([64, 32]).mul(0.001).add(1))).toContain("one point");
    expect(verdictOf(() => randn([64, 1]).matmul(randn([1, 32])))).toContain("on a line");
  });
});
