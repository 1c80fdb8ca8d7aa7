import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-web";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { smallRun } from "../../../test/small-run.ts";
import { scratchFolder } from "../../../test/tiny-run.ts";
import { makeFolder } from "../../files.ts";
import { openRun } from "../model.ts";
import { openRepresentation, rulesOfSource } from "../representation.ts";
import type { Card } from "./card.ts";
import { exportBackbone } from "./export.ts";

const scratch = scratchFolder();
let run: string;
beforeAll(() => {
  const parent = scratch.next();
  makeFolder(parent);
  run = smallRun(parent).folder;
});
afterEach(() => {
  vi.doUnmock("onnxruntime-node");
  vi.doUnmock("onnxruntime-web");
});
afterAll(scratch.remove);

const cardIn = (out: string): Card => JSON.parse(readFileSync(join(out, "card.json"), "utf8"));

test("onnx: one file, held against the engine, and the difference on its card", async () => {
  const out = scratch.next();
  const { files, card } = await exportBackbone(run, { out, format: "onnx" });
  expect(files).toEqual(["model.onnx", "README.md", "card.json"]);
  expect(card).toEqual(cardIn(out));
  expect(card.onnx).toMatchObject({ precision: "fp32", operatorSet: 18, check: { inputs: 5 } });
  expect(card.onnx!.check!.runtime).toMatch(/^onnxruntime-(node|web) \d/);
  expect(card.onnx!.check!.largestDifference).toBeLessThan(1e-5);
  expect(readFileSync(join(out, "README.md"), "utf8")).toContain("5 inputs in onnxruntime-");
});

test("onnx with its preprocessing gives from bytes what the library gives from the same picture", async () => {
  const out = scratch.next();
  await exportBackbone(run, { out, format: "onnx", withPreprocessing: true });
  const [height, width] = [45, 61];
  const pixels = Uint8Array.from({ length: height * width * 3 }, (_, i) => 128 + 100 * Math.sin(i / 40));
  using model = openRun(run, { device: "cpu", precision: "fp32" });
  const expected = await model.embed({ pixels, height, width });
  const session = await InferenceSession.create(readFileSync(join(out, "model.onnx")));
  const { features } = await session.run({ images: new Tensor("uint8", pixels, [1, height, width, 3]) });
  const found = features!.data as Float32Array;
  const [distance, length] = [found.map((value, i) => value - expected[i]!), expected].map((all) => Math.hypot(...all));
  expect(distance! / length!).toBeLessThan(2e-2); // the library rounds resized files to bytes
});

test("transformers: the folder that transformers.js opens, in either precision", async () => {
  const out = scratch.next();
  const { files, card } = await exportBackbone(run, { out, format: "transformers", precision: "fp16" });
  expect(files).toEqual([
    ...["onnx/model_fp16.onnx", "config.json", "preprocessor_config.json", "README.md", "card.json"],
  ]);
  expect(card.onnx!.check!.largestDifference).toBeLessThan(5e-3);
  expect(JSON.parse(readFileSync(join(out, "preprocessor_config.json"), "utf8"))).toMatchObject({
    image_processor_type: "ViTImageProcessor",
    size: { shortest_edge: 32 },
    crop_size: { height: 32, width: 32 },
    image_mean: card.normalization.mean,
  });
});

test("timm: a loader beside the weights, for width 64 alone", async () => {
  const out = scratch.next();
  await expect(exportBackbone(run, { out, format: "timm" })).rejects.toThrow(/width 4; timm's networks have 64/);
  const parent = scratch.next();
  makeFolder(parent);
  await exportBackbone(smallRun(parent, { width: 64 }).folder, { out, format: "timm" });
  expect(readFileSync(join(out, "load.py"), "utf8")).toContain('timm.create_model("resnet18", num_classes=0)');
});

test("a weights file is handed on like the run it came from, with all that it says of itself", async () => {
  const [first, second] = [scratch.next(), scratch.next()];
  await exportBackbone(run, { out: first });
  const { card } = await exportBackbone(join(first, "backbone.safetensors"), { out: second, format: "onnx" });
  expect(card).toMatchObject({
    method: "barlow-twins",
    step: null,
    data: null,
    about: { selfsight: expect.any(String) },
  });
  const third = scratch.next();
  await exportBackbone(run, { out: third, format: "onnx" });
  expect(readFileSync(join(second, "model.onnx"))).toEqual(readFileSync(join(third, "model.onnx")));
});

test("weights keep how their run read and decoded files", async () => {
  const parent = scratch.next();
  makeFolder(parent);
  const { folder } = smallRun(parent, { range: [0, 4095], bands: [2], decodeSize: 48 });
  const out = scratch.next();
  await exportBackbone(folder, { out });
  const file = join(out, "backbone.safetensors");
  expect(rulesOfSource(file)).toEqual(rulesOfSource(folder));
  expect(rulesOfSource(file)).toMatchObject({ range: [0, 4095], bands: [2] });
  const [fromFile, fromRun] = [file, folder].map((source) => openRepresentation(source, undefined));
  expect([fromFile!.rules, fromFile!.decodeSize]).toEqual([fromRun!.rules, 48]);
  for (const opened of [fromFile!, fromRun!]) opened.free();
});

test("without an onnxruntime nothing is written, unless the comparison is waived", async () => {
  const missing = () => {
    throw new Error("not installed");
  };
  vi.doMock("onnxruntime-node", missing);
  vi.doMock("onnxruntime-web", missing);
  const out = scratch.next();
  await expect(exportBackbone(run, { out, format: "onnx" })).rejects.toMatchObject({
    kind: "configuration",
    message: expect.stringMatching(/neither onnxruntime-node nor onnxruntime-web is installed/),
  });
  expect(existsSync(out)).toBe(false);
  const { card } = await exportBackbone(run, { out, format: "onnx", unchecked: true });
  expect(card.onnx!.check).toBeNull();
  expect(readFileSync(join(out, "README.md"), "utf8")).toContain("not compared with the engine");
});

test("a model that computes something else is not written", async () => {
  function Wrong(_: string, data: Float32Array, shape: readonly number[]) {
    return new Tensor(
      "float32",
      data.map((value) => value * 1.1),
      shape,
    ); // as if the runtime were fed other pictures
  }
  vi.doMock("onnxruntime-node", () => ({ InferenceSession, Tensor: Wrong, env: { versions: {}, wasm: {} } }));
  const out = scratch.next();
  await expect(exportBackbone(run, { out, format: "onnx" })).rejects.toMatchObject({ kind: "numerics" });
  expect(existsSync(out)).toBe(false);
});

test.each([
  [
    { format: "safetensors", precision: "fp16" },
    /--precision with the format safetensors; it is of onnx or transformers alone/,
  ],
  [{ format: "torchvision", unchecked: true }, /--unchecked with the format torchvision/],
  [
    { format: "transformers", withPreprocessing: true },
    /--with-preprocessing with the format transformers; it is of onnx alone/,
  ],
] as const)("%j is refused: no option does nothing", async (options, message) => {
  await expect(exportBackbone(run, { out: scratch.next(), ...options })).rejects.toThrow(message);
});
