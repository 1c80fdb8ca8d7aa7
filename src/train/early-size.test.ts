// Views that are smaller in the first part of a run. 42 pictures, batch 8: 5 steps an epoch.
import { afterAll, describe, expect, it } from "vitest";
import {
  bitsOf,
  newTinyRun,
  scratchFolder,
  stopAfter,
  tinyData,
  tinySettings,
  trainTiny,
} from "../../test/tiny-run.ts";
import { liveTensors } from "../torch/index.ts";
import { buildState, freeState, viewsAt } from "./state.ts";

const scratch = scratchFolder();
afterAll(() => {
  scratch.remove();
  expect(liveTensors().live).toBe(0);
});

const growing = { epochs: 4, earlySize: 8, precision: "fp32" } as const;

function sidesByEpoch(...layers: Parameters<typeof tinySettings>): number[][] {
  const state = buildState(tinySettings(...layers), tinyData());
  const sides = [0, 1, 2, 3].map((epoch) => viewsAt(state, epoch).map(({ size }) => size));
  freeState(state);
  return sides;
}

describe("the side of the views", () => {
  const [small, whole] = [
    [8, 8],
    [16, 16],
  ] as const;

  it("follows from the epoch: half of the epochs unless told otherwise, to the nearest whole one", () => {
    expect(sidesByEpoch(growing)).toEqual([small, small, whole, whole]);
    expect(sidesByEpoch(growing, { earlyShare: 0.3 })).toEqual([small, whole, whole, whole]);
    expect(sidesByEpoch(growing, { earlyShare: 0 })).toEqual([whole, whole, whole, whole]);
    expect(sidesByEpoch(growing, { earlyShare: 1 })).toEqual([small, small, small, small]);
    expect(sidesByEpoch({ steps: 15, earlySize: 8 })).toEqual([small, small, whole, whole]); // 1.5 of 3 epochs
    expect(sidesByEpoch({ epochs: 4 })).toEqual([whole, whole, whole, whole]);
  });

  it("keeps small crops in proportion, and all else as it is", () => {
    const settings = { method: "swav", prototypes: 6, epochs: 4, earlySize: 8 } as const;
    const { views } = tinySettings({ method: "swav", prototypes: 6 });
    const crops = [...views, { ...views[0]!, size: 12 }];
    const state = buildState(tinySettings(settings, { views: crops }), tinyData());
    expect(viewsAt(state, 0)).toEqual(crops.map((view) => ({ ...view, size: view.size / 2 })));
    freeState(state);
  });

  it("is refused where it is no smaller one", () => {
    expect(() => tinySettings({ earlySize: 16 })).toThrow(
      "settings: earlySize 16 with size 16; a smaller side is needed",
    );
    expect(() => tinySettings({ earlySize: 4 })).toThrow(
      "earlySize 4: null or a whole number from 8 to 1024 is needed",
    );
  });
});

it.each([3, 9, 10, 11])(
  "a run cut at step %i of 20, with the change after 10, ends with the bits of the unbroken one",
  async (cut) => {
    const settings = tinySettings(growing, { mixing: 2 });
    const [whole, broken] = [scratch.next(), scratch.next()];
    for (const folder of [whole, broken]) newTinyRun(folder, settings);
    await trainTiny(whole, settings);
    await trainTiny(broken, settings, { isStopping: stopAfter(cut) });
    expect(bitsOf(broken)).not.toBe(bitsOf(whole));
    await trainTiny(broken, settings, { resumes: true });
    expect(bitsOf(broken)).toBe(bitsOf(whole));
  },
);

it("changes what is learned", async () => {
  const bits = await Promise.all(
    [growing, { ...growing, earlySize: null }].map(async (layer) => {
      const [folder, settings] = [scratch.next(), tinySettings(layer)];
      newTinyRun(folder, settings);
      await trainTiny(folder, settings);
      return bitsOf(folder);
    }),
  );
  expect(bits[0]).not.toBe(bits[1]);
});
