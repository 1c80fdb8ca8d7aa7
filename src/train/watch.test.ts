import { describe, expect, it } from "vitest";
import { representationStatistics } from "../nn/index.ts";
import { manualSeed, randn, scope } from "../torch/index.ts";
import { collapseWatch, type RepresentationHealth } from "./watch.ts";

const healthy: RepresentationHealth = { featureStd: 1, effectiveRank: 40, deadDimensions: 0, recognition: 0.75 };
const chance = 0.53;

/** What is said at each observation, of what goes on for as long as a verdict takes. */
function observeAll(...healths: Partial<RepresentationHealth>[]): (string | undefined)[] {
  const watch = collapseWatch();
  return healths.map((health, step) => watch.observe(step, { ...healthy, ...health }));
}

const often = (health: Partial<RepresentationHealth>): Partial<RepresentationHealth>[] => Array(21).fill(health);
/** The last thing said; undefined where nothing was. */
const last = (...healths: Partial<RepresentationHealth>[]): string | undefined =>
  observeAll(...healths).findLast((said) => said !== undefined);

describe("collapseWatch", () => {
  it("is silent while features spread and views find each other", () => {
    const all = observeAll({}, { effectiveRank: 10 }, { effectiveRank: 60 }, { featureStd: 0.2 }, ...often({}));
    expect(all).toEqual(Array(25).fill(undefined));
  });

  it("calls a point, a line and few directions by their names, with the numbers and what to do", () => {
    expect(last(...often({ featureStd: 0.01, recognition: chance }))).toMatch(
      /^step 8: .*one point \(feature std 0\.0100\).*by chance \(0\.53, where .*lower optimizer\.learningRate/,
    );
    expect(last(...often({ effectiveRank: 1.2, recognition: chance }))).toMatch(/on a line \(effective rank 1\.2\)/);
    expect(last(...often({ effectiveRank: 4, recognition: chance }))).toMatch(/few directions \(effective rank 4\.0\)/);
  });

  it("is silent where few directions suffice to tell pictures apart, whatever the head's spread", () => {
    expect(last(...often({ effectiveRank: 2.3, featureStd: 0.29, recognition: 0.66 }))).toBeUndefined(); // BYOL, whole
    expect(last(...often({ effectiveRank: 1.5, featureStd: 0.03, recognition: 0.7 }))).toBeUndefined();
  });

  it("calls a single point one however well the trunk's views find each other", () => {
    const said = last(...often({ featureStd: 0.009, recognition: 0.78 })); // MoCo without negatives
    expect(said).toMatch(/one point \(feature std 0\.0090\); lower/);
  });

  it("calls a line one however well the trunk's views find each other", () => {
    const said = last(...often({ effectiveRank: 1.2, featureStd: 0.2, recognition: 0.62 })); // SimCLR without negatives
    expect(said).toMatch(/on a line \(effective rank 1\.2\); lower/);
    expect(last(...often({ effectiveRank: 1.6, recognition: 0.62 }))).toBeUndefined(); // BYOL, whole, for a while
  });

  it("does not take a network for fallen that has many directions and has not learned yet", () => {
    expect(last(...often({ recognition: 0.5 }))).toBeUndefined();
  });

  it("says that features repeat each other where the loss should not allow it, however well views are found", () => {
    const repeating = { ...healthy, effectiveRank: 2.7, recognition: 0.66 }; // Barlow Twins, invariance alone
    const observed = (decorrelates: boolean) => {
      const watch = collapseWatch({ decorrelates });
      for (let step = 0; step < 21; step++) watch.observe(step, repeating);
      return watch.standing()?.kind;
    };
    expect([observed(true), observed(false)]).toEqual(["repeats", undefined]);
    const watch = collapseWatch({ decorrelates: true });
    for (let step = 0; step < 21; step++) watch.observe(step, { ...healthy, effectiveRank: 18 }); // whole, at its narrowest
    expect(watch.standing()).toBeUndefined();
  });

  it("waits: a narrow place that a method passes through is no fall, a single point is one at once", () => {
    const narrow = { effectiveRank: 2.4, recognition: 0.55 };
    const passing = observeAll(...often({}), ...often(narrow).slice(1), ...often({}));
    expect(passing.every((said) => said === undefined)).toBe(true); // 20 observations are 16 means of nothing else
    expect(last(...often(narrow))).toContain("step 20");
    expect(last(...often({ featureStd: 0.001, recognition: chance }))).toContain("step 8");
  });

  it("without a second view only a point and a line are sure", () => {
    const single = { recognition: Number.NaN };
    expect(last(...often({ ...single, effectiveRank: 1.5 }))).toMatch(/on a line \(effective rank 1\.5\); lower/);
    expect(last(...often({ ...single, effectiveRank: 4 }))).toBeUndefined();
  });

  it("takes what is not a number for a point, at once", () => {
    expect(observeAll({ featureStd: Number.NaN, effectiveRank: Number.NaN })[0]).toContain("one point");
  });

  it("warns once for each fall, and again only after a recovery", () => {
    const point = { featureStd: 0, recognition: chance };
    const said = observeAll(...often(point), point, ...often({}), ...often(point));
    expect(said.flatMap((text, step) => (text === undefined ? [] : [step]))).toEqual([8, 51]);
  });

  it("judges real embeddings: noise is healthy, a point and a line are not", () => {
    manualSeed(0);
    const verdictOf = (make: () => ReturnType<typeof randn>) =>
      last(...often({ ...scope(() => representationStatistics(make())), recognition: chance }));
    expect(verdictOf(() => randn([64, 32]))).toBeUndefined();
    expect(verdictOf(() => randn([64, 32]).mul(0.001).add(1))).toContain("one point");
    expect(verdictOf(() => randn([64, 1]).matmul(randn([1, 32])))).toContain("on a line");
  });
});
