import sharp from "sharp";
import { expect, it } from "vitest";
import { encodeMask } from "../../data/masks/run-lengths.ts";
import { drawDetections } from "./detections.ts";

const grey = (width: number, height: number) => ({
  pixels: new Uint8Array(3 * width * height).fill(128),
  width,
  height,
});

/** One detection of the left upper quarter of a picture of 40 x 20, and one of the right half. */
const detections = {
  boxes: Float64Array.of(4, 4, 16, 16, 20, 4, 36, 16),
  scores: Float64Array.of(0.9, 0.3),
  classes: Int32Array.of(0, 1),
};

async function pixelsOf(bytes: Uint8Array) {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect(info.channels).toBe(3);
  const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
  return { width: info.width, height: info.height, at };
}

it("draws the edge of a sure box in its class's colour and nothing else", async () => {
  const bytes = await drawDetections(
    grey(480, 240),
    { ...detections, boxes: detections.boxes.map((v) => 12 * v) },
    ["a", "b"],
    {
      format: "png",
      withLabels: false,
    },
  );
  const { at, width } = await pixelsOf(bytes);
  expect(width).toBe(480);
  const [red, green, blue] = at(120, 48);
  expect([red! > 180, green! > 110, blue! < 60]).toEqual([true, true, true]);
  expect(at(120, 120)).toEqual([128, 128, 128]); // inside
  expect(at(300, 48)).toEqual([128, 128, 128]); // not sure enough
});

it("lays masks over the picture, their outline opaque", async () => {
  const bitmap = new Uint8Array(40 * 20);
  for (let y = 5; y < 15; y++) bitmap.fill(1, 40 * y + 5, 40 * y + 15);
  const mask = encodeMask(bitmap, 20, 40);
  const options = { format: "png", withLabels: false, leastSide: 40 } as const;
  const { at } = await pixelsOf(
    await drawDetections(grey(40, 20), { ...detections, masks: [mask, mask] }, ["a", "b"], options),
  );
  expect(at(10, 10)).toEqual([230, 159, 0].map((colour) => Math.round(0.6 * 128 + 0.4 * colour)));
  expect(at(10, 14)).toEqual([230, 159, 0]);
  expect(at(30, 10)).toEqual([128, 128, 128]);
});

it("enlarges small pictures by a whole number", async () => {
  const { width, height } = await pixelsOf(await drawDetections(grey(40, 20), detections, ["a", "b"], { minScore: 0 }));
  expect([width, height]).toEqual([480, 240]);
  expect((await sharp(await drawDetections(grey(500, 20), detections, ["a", "b"])).metadata()).width).toBe(500);
});

it("takes any name, and a class without one", async () => {
  const bytes = await drawDetections(
    grey(40, 20),
    { ...detections, classes: Int32Array.of(0, 9) },
    [`<&"'>\u0000\uffff\ud800 é`, "b"],
    {
      minScore: 0,
    },
  );
  expect((await sharp(bytes).metadata()).format).toBe("jpeg");
});
