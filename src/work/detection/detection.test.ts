// Detectors trained on drawn pictures: their folder, resume to the bit, what is refused, and pictures that cannot be read.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { smallRun } from "../../../test/small-run.ts";
import { tinyDetector } from "../../../test/tiny-run.ts";
import { liveTensors } from "../../torch/index.ts";
import { checkpointNames, type LogEvent, loadNewestCheckpoint, readLog } from "../../train/index.ts";
import { evaluate } from "../evaluate.ts";
import { Stopped } from "../evaluation/protocol.ts";
import { detectPictures } from "./predict.ts";
import { resolveDetection } from "./settings.ts";

let folder: string;
let run: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "detection-"));
  run = smallRun(folder).folder;
  await drawnSet("squares", 10);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Annotation {
  iscrowd?: 0 | 1;
  bbox: number[];
  segmentation: unknown;
}

/** Pictures of 40 x 32 with a bright square each, annotated by COCO's file. */
async function drawnSet(
  name: string,
  count: number,
  change: (annotation: Annotation) => Annotation | undefined = (it) => it,
) {
  mkdirSync(join(folder, name, "images"), { recursive: true });
  const annotations: object[] = [];
  const images = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [x, y, side] = [2 + ((3 * i) % 18), 1 + ((5 * i) % 12), 14];
      const square = { input: { create: { width: side, height: side, channels: 3, background: "orange" } } } as const;
      const file_name = `${i}.png`;
      const ground = sharp({
        create: { width: 40, height: 32, channels: 3, background: { r: 20, g: 30 + 5 * i, b: 60 } },
      });
      await ground
        .composite([{ ...square, left: x, top: y }])
        .png()
        .toFile(join(folder, name, "images", file_name));
      const corners = [x, y, x + side, y, x + side, y + side, x, y + side];
      const annotation = change({ iscrowd: 0, bbox: [x, y, side, side], segmentation: [corners] });
      if (annotation)
        annotations.push({ id: i + 1, image_id: i + 1, category_id: 7, area: side * side, ...annotation });
      return { id: i + 1, file_name, width: 40, height: 32 };
    }),
  );
  const categories = [{ id: 7, name: "square" }];
  writeFileSync(join(folder, name, "instances.json"), JSON.stringify({ images, annotations, categories }));
}

const tiny = { ...tinyDetector, batchSize: 2, checkpointEverySteps: 2 };
const options = (out: string, more: object = {}) =>
  ({ out: join(folder, out), steps: 5, set: tiny, precision: "fp32", warn: () => {}, ...more }) as const;
const measure = (task: "detect" | "segment", out: string, more: object = {}, data = "squares", source = run) =>
  evaluate(source, task, join(folder, data), options(out, more));

test("a Mask R-CNN is trained in a folder of its own and measured; nothing is left in memory", async () => {
  const before = liveTensors().live;
  const report = await measure("segment", "masks", { seed: 3, split: "train" });
  expect(report.protocol).toBe("segment-v1 small 5 steps of 2, on train");
  expect(report.data).toMatchObject({ trainImages: 8, testImages: 8, classes: ["square"], unread: 0 });
  expect(report.boxes.AP.mean).toBeGreaterThanOrEqual(0);
  const page = readFileSync(join(report.seeds[0]!.folder, "found.html"), "utf8");
  expect(page.match(/<img src="data:image\/jpeg/g)).toHaveLength(2 * report.data.testImages); // found, and annotated
  expect(JSON.parse(readFileSync(join(report.seeds[0]!.folder, "found.json"), "utf8"))).toBeInstanceOf(Array);
  const { elevenPoints, area } = report.voc;
  for (const { mean } of [elevenPoints.AP50, area.AP, area.AP50, area.AP75])
    expect(mean).toBe(Math.min(1, Math.max(0, mean!)));
  expect(report.masks!.AP.std).toBeNull();
  expect(liveTensors().live).toBe(before);
  const steps = readLog(join(folder, "masks")).filter((event) => event.event === "step");
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  for (const { loss, objectness, proposalBox, class: ofClass, box, mask } of steps)
    expect(objectness! + proposalBox! + ofClass! + box! + mask!).toBeCloseTo(loss, 4);
});

test("a run that was stopped ends with the bits of the unbroken one", async () => {
  await measure("segment", "whole");
  const stopping = new AbortController();
  const onEvent = (event: LogEvent) => {
    if (event.event === "step" && event.step === 3) stopping.abort();
  };
  await expect(measure("segment", "broken", { onEvent, signal: stopping.signal })).rejects.toBeInstanceOf(Stopped);
  expect(checkpointNames(join(folder, "broken"))[0]).toBe("step-0000003");
  await measure("segment", "broken");
  const [whole, broken] = ["whole", "broken"].map((name) => loadNewestCheckpoint(join(folder, name), () => {}));
  expect(broken!.state.step).toBe(5);
  expect(broken!.state.files).toEqual(whole!.state.files);
});

test("several seeds have a folder each and a spread", async () => {
  const report = await measure("detect", "seeds", { seeds: 2, steps: 1, split: "train" });
  expect(report.seeds.map(({ seed }) => seed)).toEqual([0, 1]);
  expect(report.boxes.AP.std).not.toBeNull();
  expect(report.masks).toBeUndefined();
  const found = await detectPictures(join(folder, "seeds"), [join(folder, "squares/images/0.png")], { warn: () => {} });
  expect(found.detector).toMatchObject({ folder: join(folder, "seeds/seed-0"), task: "detect", step: 1 });
});

test("drops and warm-up keep their shares when the run is shorter", () => {
  const { drops, warmupSteps } = resolveDetection("voc", { steps: 2400 });
  expect([drops, warmupSteps]).toEqual([[1800, 2200], 100]);
  expect(resolveDetection("voc", { steps: 2400, drops: [5] }).drops).toEqual([5]);
});

describe("what is refused", () => {
  test.each([
    [
      "no objects",
      () => undefined,
      "data",
      /none of the 8 pictures of nothing .* has an object with a box to learn from/,
    ],
    [
      "crowds alone",
      (it: Annotation) => ({ ...it, iscrowd: 1 as const, segmentation: { size: [32, 40], counts: [0, 1280] } }),
      "data",
      /crowds do not count/,
    ],
  ] as const)("%s", async (_, change, kind, message) => {
    await drawnSet("nothing", 10, change);
    await expect(measure("detect", "refused", {}, "nothing")).rejects.toMatchObject({ kind, message });
    expect(existsSync(join(folder, "refused"))).toBe(false);
  });

  test("a vision transformer, pixels, a folder with other work in it, measuring on all", async () => {
    const transformer = smallRun(join(folder, "vit"), { backbone: "vit-tiny", stem: "patch-4" }).folder;
    await expect(measure("detect", "v", {}, "squares", transformer)).rejects.toMatchObject({
      kind: "configuration",
      message: /is a vit-tiny; the C4 detector/,
    });
    await expect(measure("detect", "v", {}, "squares", "pixels")).rejects.toMatchObject({
      message: /pixels is no network/,
    });
    await expect(measure("detect", "run")).rejects.toMatchObject({ message: /holds a pretraining run/ });
    await expect(measure("detect", "v", { split: "all" })).rejects.toMatchObject({ message: /split all/ });
    await measure("detect", "small-one", { steps: 1 });
    await expect(measure("detect", "small-one", { steps: 2 })).rejects.toMatchObject({
      message: /holds another detector \(steps 1 -> 2/,
    });
  });

  test("settings that are none, the nearest named", async () => {
    await expect(measure("detect", "s", { set: { learningrate: 1 } })).rejects.toMatchObject({
      message: /Did you mean learningRate\?/,
    });
    await expect(measure("detect", "s", { set: ["batchSize=none"] })).rejects.toMatchObject({
      message: /batchSize "none": a whole number/,
    });
  });

  test("a loss that is not finite changes no weight", async () => {
    const set = { ...tiny, learningRate: 1e18, warmupSteps: 0, warmupFactor: 1 };
    await expect(measure("detect", "lost", { set })).rejects.toMatchObject({
      kind: "numerics",
      message: /a finite loss is needed|no longer finite/,
    });
    expect(loadNewestCheckpoint(join(folder, "lost"), () => {}).state.step).toBe(0);
  });
});

test("pictures that cannot be read are named and replaced; in use they are passed over", async () => {
  await drawnSet("cut", 6);
  truncateSync(join(folder, "cut/images/2.png"), 60);
  const said: string[] = [];
  const report = await measure("detect", "cut-out", { warn: (line: string) => said.push(line), split: "train" }, "cut");
  expect(said.some((line) => /2\.png/.test(line))).toBe(true);
  expect(report.data.trainImages).toBeGreaterThan(2);
  const pictures = ["cut/images/2.png", "cut/images/1.png"].map((name) => join(folder, name));
  const out = join(folder, "found");
  const found = await detectPictures(join(folder, "cut-out"), pictures, { threshold: 0, out, warn: () => {} });
  expect(found.unread).toMatchObject([{ file: pictures[0] }]);
  expect(found.pictures).toMatchObject([{ file: pictures[1], width: 40, height: 32 }]);
  expect(JSON.parse(readFileSync(join(out, "detections.json"), "utf8")).pictures.length).toBe(1);
  expect(existsSync(found.pictures[0]!.drawn!)).toBe(true);
  await expect(detectPictures(join(folder, "cut-out"), [pictures[0]!], { warn: () => {} })).rejects.toMatchObject({
    kind: "data",
  });
  await expect(detectPictures(run, pictures)).rejects.toMatchObject({
    kind: "checkpoint",
    message: /no detector\.json/,
  });
  copyFileSync(join(folder, "masks/detector.json"), join(folder, "cut-out/detector.json"));
  await expect(detectPictures(join(folder, "cut-out"), pictures)).rejects.toMatchObject({ kind: "checkpoint" });
});

test("one picture smaller than every anchor is learned from and searched", async () => {
  await drawnSet("one", 2);
  const report = await measure(
    "segment",
    "one-out",
    { set: { ...tiny, anchorSizes: [400], batchSize: 3 }, limit: 1, split: "train" },
    "one",
  );
  expect(report.data).toMatchObject({ trainImages: 1, testImages: 1 });
});
