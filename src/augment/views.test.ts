import { expect, test } from "vitest";
import type { Batch, PixelBlock, RawImage } from "../data/index.ts";
import { keyedStream } from "../random.ts";
import { liveTensors, scope, type Tensor } from "../torch/index.ts";
import { barlowTwinsViews, type ViewRecipe } from "./recipe.ts";
import { evaluationImages, makeViews } from "./views.ts";

const next = keyedStream(3);
const bytes = (length: number) => Uint8Array.from({ length }, () => 256 * next());
const recipes = barlowTwinsViews({ size: 12, blur: true });
const plain: ViewRecipe = {
  size: 8,
  crop: { scale: [1, 1], ratio: [1, 1], interpolation: "bicubic" },
  flip: 0,
  jitter: { probability: 0, brightness: 0, contrast: 0, saturation: 0, hue: 0 },
  grayscale: 0,
  blur: { probability: 0, sigma: [1, 1] },
  solarize: { probability: 0, threshold: 128 },
  normalize: { mean: [0, 0, 0], std: [1, 1, 1] },
};

const block = (count: number, channels: 1 | 3 = 3, [height, width] = [16, 16] as [number, number]): PixelBlock => ({
  pixels: bytes(count * channels * height * width),
  channels,
  height,
  width,
});
const raw = (height: number, width: number): RawImage => ({ pixels: bytes(3 * height * width), height, width });
const batchOf = (images: Batch["images"], indices: number[], epoch = 0): Batch => ({
  epoch,
  step: 0,
  indices: Uint32Array.from(indices),
  images,
});
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const numbers = (views: readonly Tensor[]) => views.map((view) => view.float32());
const viewsOf = (batch: Batch, wanted: readonly ViewRecipe[] = recipes, seed = 0) =>
  scope(() => numbers(makeViews(batch, wanted, { seed })));

/** The pictures at `places` of a block, as a batch of their own. */
function part(images: PixelBlock, places: number[]): Batch {
  const size = images.channels * images.height * images.width;
  const pixels = Uint8Array.from(
    places.flatMap((place) => [...images.pixels.subarray(place * size, (place + 1) * size)]),
  );
  return batchOf({ ...images, pixels }, places);
}

/** Of image `place` in views [N, 3, S, S]. */
const imageAt = (views: Float32Array, place: number, size: number) =>
  views.slice(place * 3 * size * size, (place + 1) * 3 * size * size);

test("views have the paper's shape, are float32, channels-last and finite", () => {
  scope(() => {
    const views = makeViews(batchOf(block(9), range(9)), recipes, { seed: 0 });
    expect(views.map(({ shape }) => shape)).toEqual([
      [9, 3, 12, 12],
      [9, 3, 12, 12],
    ]);
    for (const view of views) {
      expect(view.dtype).toBe("float32");
      expect(view.isFinite().all().item()).toBe(1);
      expect(view.permute(0, 2, 3, 1).reshape(-1).lend().length).toBe(view.numel); // contiguous as [N, S, S, 3]
    }
  });
});

test("an image's views are the same bits alone, in any batch and in any order", () => {
  const images = block(200);
  const whole = viewsOf(batchOf(images, range(200)));
  for (const places of [[0], [137], [5, 4, 3], range(200).reverse(), range(67).map((i) => 3 * i)]) {
    const own = viewsOf(part(images, places));
    for (const [view, values] of own.entries())
      for (const [i, place] of places.entries())
        expect(imageAt(values, i, 12)).toEqual(imageAt(whole[view]!, place, 12));
  }
});

test("the same holds for pictures of their own sizes", () => {
  const images = range(30).map((i) => raw(20 + i, 40 - i));
  const whole = viewsOf(batchOf(images, range(30)));
  for (const places of [[0], [29, 3], range(30).reverse()]) {
    const own = viewsOf(
      batchOf(
        places.map((place) => images[place]!),
        places,
      ),
    );
    for (const [view, values] of own.entries())
      for (const [i, place] of places.entries())
        expect(imageAt(values, i, 12)).toEqual(imageAt(whole[view]!, place, 12));
  }
});

test("seed, epoch and view each change the pixels", () => {
  const images = block(4);
  const [a, b] = viewsOf(batchOf(images, range(4)));
  expect(a).not.toEqual(b);
  expect(viewsOf(batchOf(images, range(4), 1))[0]).not.toEqual(a);
  expect(viewsOf(batchOf(images, range(4)), recipes, 1)[0]).not.toEqual(a);
  expect(viewsOf(batchOf(images, range(4)))[0]).toEqual(a);
});

test("without chance a view is the picture; a flip mirrors it", () => {
  const images = block(3, 3, [8, 8]);
  const expected = Float32Array.from(images.pixels, (byte) => byte / 255);
  const [view, flipped] = viewsOf(batchOf(images, range(3)), [plain, { ...plain, flip: 1 }]);
  for (const [i, value] of view!.entries()) {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6);
    expect(Math.abs(flipped![i]! - expected[i - (i % 8) + 7 - (i % 8)]!)).toBeLessThan(1e-6);
  }
});

test("a file's crop in bytes is the block's crop up to rounding", () => {
  const images = block(20, 3, [30, 20]);
  const interleaved = (at: number) =>
    images.pixels[(at % 3) * 600 + Math.floor((at % 1800) / 3) + 1800 * Math.floor(at / 1800)]!;
  const files = range(20).map((i) => ({
    pixels: Uint8Array.from({ length: 1800 }, (_, at) => interleaved(i * 1800 + at)),
    height: 30,
    width: 20,
  }));
  const cropped = { ...plain, flip: 0.5, crop: { ...recipes[0].crop } };
  const [ofBlock] = viewsOf(batchOf(images, range(20)), [cropped]);
  const [ofFiles] = viewsOf(batchOf(files, range(20)), [cropped]);
  const differences = ofBlock!.map((value, i) => Math.abs(value - ofFiles![i]!));
  expect(Math.max(...differences)).toBeLessThan(6 / 255); // both passes round, and cut off overshoot
  expect(differences.reduce((sum, value) => sum + value) / differences.length).toBeLessThan(0.5 / 255);
});

test("greyscale images give three channels that were equal before normalising", () => {
  const grey = { ...recipes[1], normalize: plain.normalize };
  const [view] = viewsOf(batchOf(block(50, 1), range(50)), [grey]);
  for (const i of range(50)) {
    const image = imageAt(view!, i, 12);
    expect(image.subarray(0, 144)).toEqual(image.subarray(144, 288));
    expect(image.subarray(0, 144)).toEqual(image.subarray(288, 432));
  }
});

test("a grey image's views equal those of the same picture in three channels", () => {
  const grey = block(60, 1);
  const pixels = Uint8Array.from(
    range(60).flatMap((i) =>
      Array(3)
        .fill([...grey.pixels.subarray(i * 256, (i + 1) * 256)])
        .flat(),
    ),
  );
  const one = viewsOf(batchOf(grey, range(60)));
  const three = viewsOf(batchOf({ ...grey, channels: 3, pixels }, range(60)));
  let flips = 0; // a value within a rounding of the solarising threshold may fall on either side
  for (const view of [0, 1])
    for (const [i, value] of one[view]!.entries()) if (Math.abs(value - three[view]![i]!) > 1e-4) flips++;
  expect(flips).toBeLessThan(5);
});

test.each([
  [1, 1],
  [1, 5000],
  [5000, 1],
  [3, 7],
])("pictures of %i x %i work, as a block and as files", (height, width) => {
  const shapes = (images: Batch["images"]) =>
    scope(() =>
      makeViews(batchOf(images, [0, 1]), recipes, { seed: 0 }).map((view) => [
        view.shape,
        view.isFinite().all().item(),
      ]),
    );
  const expected = [
    [[2, 3, 12, 12], 1],
    [[2, 3, 12, 12], 1],
  ];
  expect(shapes(block(2, 3, [height, width]))).toEqual(expected);
  expect(shapes([raw(height, width), raw(height, width)])).toEqual(expected);
});

test("each view may have a size of its own", () => {
  const small = { ...recipes[0], size: 5 };
  scope(() => {
    const views = makeViews(batchOf(block(3), range(3)), [...recipes, small, small], { seed: 0 });
    expect(views.map((view) => view.size(2))).toEqual([12, 12, 5, 5]);
  });
});

test("a view of one pixel can be blurred", () => {
  scope(() =>
    expect(makeViews(batchOf(block(2), [0, 1]), [{ ...recipes[0], size: 1 }], { seed: 0 })[0]!.shape).toEqual([
      2, 3, 1, 1,
    ]),
  );
});

test("no tensor is left behind", () => {
  const before = liveTensors().live;
  for (let i = 0; i < 5; i++) viewsOf(batchOf(block(40), range(40), i));
  expect(liveTensors().live).toBe(before);
});

test("images are measured by their middle, without chance", () => {
  const picture = raw(8, 12);
  const options = { size: 8, normalize: plain.normalize };
  const values = scope(() => evaluationImages(batchOf([picture], [0]), options).float32());
  for (let i = 0; i < 192; i++) {
    const [channel, row, column] = [Math.floor(i / 64), Math.floor(i / 8) % 8, i % 8];
    expect(Math.abs(values[i]! - picture.pixels[3 * (row * 12 + column + 2) + channel]! / 255)).toBeLessThan(1e-6);
  }
  const same = block(2, 1, [8, 8]);
  scope(() => expect(evaluationImages(batchOf(same, [0, 1]), options).shape).toEqual([2, 3, 8, 8]));
});

test.each([
  [223, 240, 30, 0],
  [224, 210, 45, 15],
])("an evaluation image of %i pixels shows the middle %i of 240 x 300 pixels", (size, shown, left, top) => {
  const picture = raw(240, 300);
  picture.pixels.fill(0);
  const rows = Array.from({ length: shown }, (_, row) => 3 * ((top + row) * 300 + left));
  for (const start of rows) picture.pixels.fill(255, start, start + 3 * shown);
  scope(() => {
    const options = { size, normalize: plain.normalize };
    expect(
      evaluationImages(batchOf([picture], [0]), options)
        .amin()
        .item(),
    ).toBe(1);
    picture.pixels.fill(0, rows[0]!, rows[0]! + 3 * shown); // its first row is the first that is seen
    const [first, third] = [0, 2].map((row) => evaluationImages(batchOf([picture], [0]), options).select(2, row));
    expect(first!.amax().item()).toBeLessThan(0.5);
    expect(third!.amin().item()).toBeGreaterThan(0.9);
  });
});
