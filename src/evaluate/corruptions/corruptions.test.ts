// What is determined is held to OpenCV, SciPy, scikit-image, Pillow and ImageMagick (test/reference/corruptions.py); what is drawn by
// chance to the moments of its distribution.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { keyedStream } from "../../random.ts";
import { type RobustnessScore, relativeErrors } from "../protocols/robustness.ts";
import { defocusBlur, zoomBlur } from "./blurs.ts";
import { corrupted, corruptionNamed, refuseStrength } from "./corrupt.ts";
import { contrast, jpeg, pixelate, skewed } from "./digital.ts";
import { gaussianNoise, impulseNoise, poisson, shotNoise } from "./noise.ts";
import { between, eachPlane, gaussianTaps, type Picture, plasma, separable, smeared } from "./picture.ts";
import { corruptionNames, strengths, strengthsFor } from "./strengths.ts";
import { brightness } from "./weather.ts";

interface Stored {
  size: number;
  picture: string;
  cases: { name: string; constants: never; bytes: string }[];
}
const file = new URL("../../../test/reference/corruptions.json", import.meta.url);
const { size, picture: stored, cases }: Stored = JSON.parse(readFileSync(file, "utf8"));
const area = size * size;

/** Bytes [S, S, 3] as planes. */
function planesOf(text: string): Picture {
  const bytes = Buffer.from(text, "base64");
  return {
    planes: Float32Array.from({ length: 3 * area }, (_, i) => bytes[(i % area) * 3 + Math.floor(i / area)]! / 255),
    size,
  };
}
const picture = planesOf(stored);

const whole = (row: number, column: number): [number, number] => [
  row + 3 * Math.sin(row + column),
  column - 4 * Math.cos(0.3 * column * row),
];

const made: Record<string, (constants: never) => Picture | Promise<Picture>> = {
  "defocus-blur": (own) => defocusBlur(picture, own),
  "zoom-blur": (own) => zoomBlur(picture, own),
  brightness: (own) => brightness(picture, own),
  contrast: (own) => contrast(picture, own),
  pixelate: (own) => pixelate(picture, own),
  jpeg: (own) => jpeg(picture, own),
  smeared: (own) => eachPlane(picture, (plane) => smeared(plane, size, own)),
  "gaussian nearest": (own) => eachPlane(picture, (plane) => separable(plane, size, gaussianTaps(own), "nearest")),
  "gaussian reflect": (own) => eachPlane(picture, (plane) => separable(plane, size, gaussianTaps(own, 3), "reflect")),
  moved: () =>
    eachPlane(picture, (plane) =>
      plane.map((_, place) => between(plane, size, ...whole(Math.floor(place / size), place % size), "reflect")),
    ),
  skewed: (to) => {
    const source = skewed(size, to);
    return eachPlane(picture, (plane) =>
      plane.map((_, place) => {
        const [x, y] = source(place % size, Math.floor(place / size));
        return between(plane, size, y, x, "mirror");
      }),
    );
  },
};

/** The largest and the mean difference in 8-bit steps. */
function apart(found: Picture, wanted: Picture) {
  const own = Float32Array.from(found.planes, (value, i) => 255 * Math.abs(value - wanted.planes[i]!));
  return { most: Math.max(...own), mean: own.reduce((sum, value) => sum + value, 0) / own.length };
}

/** Both sides cut to bytes: one step apart where a value lies on an edge. OpenCV moves by 32nds of a pixel. */
const tolerated: Record<string, { most: number; mean: number }> = {
  jpeg: { most: 8, mean: 0.5 },
  skewed: { most: 12, mean: 1.5 },
  smeared: { most: 1.01, mean: 0.6 },
};

test.each(cases)("$name $constants", async ({ name, constants, bytes }) => {
  const { most, mean } = apart(await made[name]!(constants), planesOf(bytes));
  const { most: mostTolerated, mean: meanTolerated } = tolerated[name] ?? { most: 1.01, mean: 0.6 };
  expect(most).toBeLessThanOrEqual(mostTolerated);
  expect(mean).toBeLessThanOrEqual(meanTolerated);
  expect(apart(picture, planesOf(bytes)).mean, "the case changes the picture").toBeGreaterThan(
    name === "defocus-blur" ? 0 : 0.5,
  );
});

const grey = (level: number, side = 64): Picture => ({
  planes: new Float32Array(3 * side * side).fill(level),
  size: side,
});
const moments = ({ planes }: Picture) => {
  const mean = planes.reduce((sum, value) => sum + value, 0) / planes.length;
  return { mean, deviation: Math.sqrt(planes.reduce((sum, value) => sum + (value - mean) ** 2, 0) / planes.length) };
};

test("noise has the moments of its distribution", () => {
  const gaussian = moments(gaussianNoise(grey(0.5), 0.1, keyedStream(1)));
  expect(gaussian.mean).toBeCloseTo(0.5, 2);
  expect(gaussian.deviation / 0.1).toBeCloseTo(1, 1);
  const shot = moments(shotNoise(grey(0.5), 60, keyedStream(2)));
  expect(shot.mean).toBeCloseTo(0.5, 2);
  expect(shot.deviation / Math.sqrt(0.5 / 60)).toBeCloseTo(1, 1);
  const { planes } = impulseNoise(grey(0.5), 0.2, keyedStream(3));
  const share = (level: number) => planes.filter((value) => value === level).length / planes.length;
  expect(share(0)).toBeCloseTo(0.1, 2);
  expect(share(1)).toBeCloseTo(0.1, 2);
});

test("Poisson: the count below which a share lies", () => {
  expect([0.1, 0.5, 0.9, 0.999].map((share) => poisson(3, share))).toEqual([1, 3, 5, 10]);
  expect(poisson(500, 0.5)).toBe(500);
  expect(poisson(0, 0.7)).toBe(0);
});

test("fog's heights fill [0, 1] and are drawn by the key alone", () => {
  const heights = plasma(32, 2, keyedStream(4));
  expect([Math.min(...heights), Math.max(...heights)]).toEqual([0, 1]);
  expect(plasma(32, 2, keyedStream(4))).toEqual(heights);
});

test.each(corruptionNames)(
  "%s: every strength, from 8 pixels on; stronger is further from the picture",
  async (name) => {
    const random = keyedStream(9);
    const small: Picture = {
      planes: Float32Array.from({ length: 192 }, () => Math.round(255 * random()) / 255),
      size: 8,
    };
    const distances: number[] = [];
    for (const strength of [1, 2, 3, 4, 5]) {
      const key = { seed: 0, sample: 3 };
      const tiny = await corrupted(small, name, strength, key);
      expect(
        tiny.planes.every((value) => value >= 0 && value <= 1),
        `${strength}`,
      ).toBe(true);
      const found = await corrupted(picture, name, strength, key);
      expect(await corrupted(picture, name, strength, key)).toEqual(found);
      expect(found.planes.every((value) => Math.abs(255 * value - Math.round(255 * value)) < 1e-3)).toBe(true);
      distances.push(apart(found, picture).mean);
    }
    if (name !== "elastic") expect(distances[4]).toBeGreaterThan(distances[0]!); // its corners move less, its pixels more
  },
);

test("chance hangs on the seed and the picture's place", async () => {
  const key = { seed: 0, sample: 0 };
  const found = await corrupted(picture, "gaussian-noise", 3, key);
  expect(await corrupted(picture, "gaussian-noise", 3, { ...key, sample: 1 })).not.toEqual(found);
  expect(await corrupted(picture, "gaussian-noise", 3, { ...key, seed: 1 })).not.toEqual(found);
});

test("strengths go by the side: CIFAR-10-C's for small pictures, ImageNet-C's for large ones; both have fifteen", () => {
  expect([8, 32, 64, 84, 85, 96, 224].map(strengthsFor).map((name) => name === "cifar-c")).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  expect(corruptionNames).toHaveLength(15);
  expect(Object.keys(strengths["imagenet-c"])).toEqual(corruptionNames);
  expect(
    Object.values(strengths)
      .flatMap(Object.values<unknown>)
      .every((five) => (five as unknown[]).length === 5),
  ).toBe(true);
});

test("an unknown corruption is refused with the nearest, a strength out of range with what is allowed", () => {
  expect(() => corruptionNamed("gausian-noise")).toThrow(/is no corruption; .*Did you mean gaussian-noise\?/);
  expect(() => corruptionNamed("toString")).toThrow(/toString is no corruption/);
  for (const strength of [0, 6, 2.5, Number.NaN])
    expect(() => refuseStrength(strength)).toThrow(/a whole number from 1/);
});

test("errors relative to a baseline: means of ratios of sums over strengths", () => {
  const score = (clean: number, ...values: number[]): RobustnessScore => ({
    ...{ clean, value: 0, interval: null, outcomes: new Float32Array() },
    corruptions: values.map((value, i) => ({ name: corruptionNames[i]!, accuracies: [], value })),
  });
  const found = relativeErrors(score(0.9, 0.8, 0.5), score(0.7, 0.6, 0.5));
  expect(found.meanCorruptionError).toBeCloseTo((0.2 / 0.4 + 0.5 / 0.5) / 2, 12);
  expect(found.relativeMeanCorruptionError).toBeCloseTo((0.1 / 0.1 + 0.4 / 0.2) / 2, 12);
  expect(relativeErrors(score(0.9, 0.8), score(0.5, 0.5)).relativeMeanCorruptionError).toBeNull();
});
