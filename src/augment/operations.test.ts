// Every operation against the same arithmetic in float64, written out pixel by pixel.
import { expect, test } from "vitest";
import { keyedStream } from "../random.ts";
import { scope, type Tensor, tensor } from "../torch/index.ts";
import * as operations from "./operations.ts";
import { fillResampling } from "./resampling.ts";

const [height, width] = [7, 9];
const plane = height * width;
type Pixel = [red: number, green: number, blue: number];

const next = keyedStream(5);
const picture = (): Float32Array => Float32Array.from({ length: 3 * plane }, () => Math.floor(256 * next()) / 255);
const pictures = [picture(), picture()];
// Grey, black, white and pure pixels are where hue and saturation may divide by zero.
const special: Pixel[] = [
  [0.5, 0.5, 0.5],
  [0, 0, 0],
  [1, 1, 1],
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
  [1, 1, 0],
];
for (const [i, pixel] of special.entries()) for (const c of [0, 1, 2]) pictures[0]![c * plane + i] = pixel[c]!;

const images = () => tensor(Float32Array.from(pictures.flatMap((values) => [...values])), [2, 3, height, width]);
const perImage = (values: number[]) => tensor(values, [values.length, 1, 1, 1]);
const clamp = (x: number) => Math.min(1, Math.max(0, x));
const grey = ([r, g, b]: Pixel) => 0.299 * r + 0.587 * g + 0.114 * b;

/** ‖computed - expected‖ / ‖expected‖ over both pictures, the expectation by a function of a pixel. */
function errorOf(computed: Tensor, expectation: (pixel: Pixel, image: number, place: number) => readonly number[]) {
  const actual = computed.float32();
  const channels = computed.size(1);
  let [distance, scale] = [0, 0];
  for (const [image, values] of pictures.entries())
    for (let place = 0; place < plane; place++) {
      const expected = expectation([0, 1, 2].map((c) => values[c * plane + place]!) as Pixel, image, place);
      for (let c = 0; c < channels; c++) {
        distance += (actual[(image * channels + c) * plane + place]! - expected[c]!) ** 2;
        scale += expected[c]! ** 2;
      }
    }
  return Math.sqrt(distance / (scale || 1));
}

const check = (compute: () => Tensor, expectation: Parameters<typeof errorOf>[1]) =>
  scope(() => expect(errorOf(compute(), expectation)).toBeLessThan(1e-6));

const meanGrey = (image: number) => {
  const values = pictures[image]!;
  const greys = Array.from({ length: plane }, (_, i) => grey([0, 1, 2].map((c) => values[c * plane + i]!) as Pixel));
  return greys.reduce((sum, x) => sum + x) / plane;
};

test("luma", () =>
  check(
    () => operations.luma(images()),
    (pixel) => [grey(pixel)],
  ));

test.each([0, 0.6, 1, 1.4])("brightness %s", (f) =>
  check(
    () => operations.brightness(images(), f),
    (pixel) => pixel.map((x) => clamp(f * x)),
  ),
);

test.each([0, 0.6, 1, 1.4])("contrast %s", (f) =>
  check(
    () => operations.contrast(images(), f),
    (pixel, i) => pixel.map((x) => clamp(f * x + (1 - f) * meanGrey(i))),
  ),
);

test.each([0, 0.2, 1, 1.8])("saturation %s", (f) =>
  check(
    () => operations.saturation(images(), f),
    (pixel) => pixel.map((x) => clamp(f * x + (1 - f) * grey(pixel))),
  ),
);

test("each image has its own blend, in one pass", () => {
  const factors = () => ({
    contrast: perImage([0.7, 1]),
    saturation: perImage([1, 1.3]),
    brightness: perImage([1, 1]),
  });
  check(
    () => operations.blendEach(images(), factors()),
    (pixel, i) => pixel.map((x) => clamp(i === 0 ? 0.7 * x + 0.3 * meanGrey(0) : 1.3 * x - 0.3 * grey(pixel))),
  );
});

/** The textbook's way: to hue, saturation and value, then back by sectors. */
function turnedHue([r, g, b]: Pixel, turns: number): Pixel {
  const value = Math.max(r, g, b);
  const chroma = value - Math.min(r, g, b);
  const sixths =
    chroma === 0 ? 0 : value === r ? (g - b) / chroma : value === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
  const position = (((sixths / 6 + turns) % 1) + 1) % 1;
  const sector = Math.floor(position * 6) % 6;
  const fraction = position * 6 - Math.floor(position * 6);
  const saturation = value === 0 ? 0 : chroma / value;
  const [p, q, t] = [1 - saturation, 1 - fraction * saturation, 1 - (1 - fraction) * saturation].map(
    (x) => value * x,
  ) as Pixel;
  return (
    [
      [value, t, p],
      [q, value, p],
      [p, value, t],
      [p, q, value],
      [t, p, value],
      [value, p, q],
    ] as Pixel[]
  )[sector]!;
}

test.each([-0.5, -0.1, 0, 0.05, 0.1, 0.5])("hue by %s turns", (turns) =>
  check(
    () => operations.hue(images(), turns),
    (pixel) => turnedHue(pixel, turns),
  ),
);

test("each image has its own turn of the hue", () =>
  check(
    () => operations.hue(images(), perImage([0.1, -0.3])),
    (pixel, i) => turnedHue(pixel, [0.1, -0.3][i]!),
  ));

test("solarise inverts from the threshold on, the threshold included", () =>
  check(
    () => operations.solarize(images(), 128 / 255),
    (pixel) => pixel.map((x) => (x >= Math.fround(128 / 255) ? 1 - x : x)),
  ));

test("normalise", () => {
  const [mean, std] = [
    [0.1, 0.2, 0.3],
    [0.4, 0.5, 0.6],
  ] as const;
  check(
    () => operations.normalize(images(), { mean, std }),
    (pixel) => pixel.map((x, c) => (x - mean[c]!) / std[c]!),
  );
});

const mirrored = (place: number, size: number): number => {
  if (place < 0) return mirrored(-place, size);
  return place >= size ? mirrored(2 * (size - 1) - place, size) : place;
};

test("blur is a Gaussian over mirrored borders, borders wider than the picture too", () => {
  const [sigmas, radius] = [[0.3, 4], 12];
  const weight = (i: number, y: number, x: number) => Math.exp(-(y * y + x * x) / (2 * sigmas[i]! ** 2));
  const taps = Array.from({ length: 2 * radius + 1 }, (_, k) => k - radius);
  check(
    () => operations.blur(images(), sigmas, radius),
    (_, i, place) => {
      const sums = [0, 0, 0];
      let total = 0;
      for (const dy of taps)
        for (const dx of taps) {
          const y = mirrored(Math.floor(place / width) + dy, height);
          const x = mirrored((place % width) + dx, width);
          for (const c of [0, 1, 2]) sums[c]! += weight(i, dy, dx) * pictures[i]![c * plane + y * width + x]!;
          total += weight(i, dy, dx);
        }
      return sums.map((sum) => sum / total);
    },
  );
});

const cubic = (x: number) =>
  Math.abs(x) < 1
    ? 1.5 * Math.abs(x) ** 3 - 2.5 * x * x + 1
    : Math.abs(x) < 2
      ? -0.5 * Math.abs(x) ** 3 + 2.5 * x * x - 4 * Math.abs(x) + 2
      : 0;

test.each([
  [5, 13, 4, 9, false],
  [5, 13, 4, 9, true],
  [4, 6, 0, 6, false], // enlarged
  [3, 40, 1, 38, false], // much reduced
  [5, 1, 0, 1, false],
  [1, 5000, 0, 5000, false],
])("the matrix to %i of %i pixels, crop at %i of %i, flipped %s", (size, inputLength, start, length, isFlipped) => {
  const matrix = new Float32Array(size * inputLength);
  fillResampling(matrix, 0, size, inputLength, { start, length, isFlipped }, "bicubic");
  const scale = length / size;
  for (let out = 0; out < size; out++) {
    const centre = (out + 0.5) * scale;
    const weights = Array.from({ length }, (_, i) => cubic((i + 0.5 - centre) / Math.max(1, scale)));
    const sum = weights.reduce((a, b) => a + b);
    const row = isFlipped ? size - 1 - out : out;
    for (let i = 0; i < inputLength; i++) {
      const expected = i >= start && i < start + length ? weights[i - start]! / sum : 0;
      expect(Math.abs(matrix[row * inputLength + i]! - expected)).toBeLessThan(1e-6);
    }
  }
});

test("a grey image stays what it is under hue and saturation", () =>
  scope(() => {
    const one = tensor([0.1, 0.4, 0.9, 0.2], [1, 1, 2, 2]);
    expect(operations.hue(one, 0.3).float32()).toEqual(one.float32());
    for (const [i, value] of operations.saturation(one, 0.3).float32().entries())
      expect(value).toBeCloseTo(one.float32()[i]!, 6);
  }));
