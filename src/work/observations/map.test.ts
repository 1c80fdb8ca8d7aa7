// n pictures, D features
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bitsOf, scratchFolder, stopAfter, tinyData, tinySettings } from "../../../test/tiny-run.ts";
import { imageArray } from "../../data/dataset.ts";
import type { Dataset } from "../../data/index.ts";
import type { Features } from "../../evaluate/index.ts";
import { keyedStream } from "../../random.ts";
import { noGrad, op, scope, tensor, threads } from "../../torch/index.ts";
import { goOnWithRun, observationsPath, type PreparedRun, readLines, readLog, startRun } from "../../train/index.ts";
import { trainRun } from "../pretrain.ts";
import { mapLine } from "./map.ts";
import { alignedTo, packed, principalPlane, unpacked } from "./projection.ts";
import { mapPlaces, queriesOf } from "./sample.ts";

const scratch = scratchFolder();
beforeAll(() => void threads(1));
afterAll(scratch.remove);

/** 240 pictures of two classes: dark and bright ones. */
function labelled(): Dataset {
  const next = keyedStream(3);
  const labels = Int32Array.from({ length: 240 }, (_, i) => i % 2);
  const pixels = Uint8Array.from(
    { length: 240 * 3 * 256 },
    (_, i) => 100 * next() + 120 * labels[Math.floor(i / 768)]!,
  );
  return imageArray({ name: "two", pixels, channels: 3, height: 16, width: 16, labels, classes: ["dark", "bright"] });
}

const settings = tinySettings({ steps: 30, batchSize: 24, knnEveryEpochs: 1, observeEverySteps: 25 });
const begun = (out: string, layer: object = {}, data = labelled()) =>
  startRun(data, [settings, layer], { out, command: "test", warn: () => {} });
const stopping = (run: PreparedRun, steps: number) => {
  const isDone = stopAfter(steps);
  const stop = new AbortController();
  const onEvent = ({ event }: { event: string }) => void (event === "step" && isDone() && stop.abort());
  return trainRun(run, { signal: stop.signal, onEvent });
};
const linesOf = (folder: string) =>
  readLines(observationsPath(folder, "map.jsonl")).map(
    ({ seconds, ...line }) => line as unknown as ReturnType<typeof mapLine> & { step: number },
  );
const json = (folder: string, name: string) => JSON.parse(readFileSync(observationsPath(folder, name), "utf8"));

describe("the map of a run", () => {
  it("is drawn at every evaluation, and the run learns what it learns without", async () => {
    const [seen, unseen] = [scratch.next(), scratch.next()];
    await trainRun(await begun(seen));
    await trainRun(await begun(unseen, { observeEverySteps: 0 }));
    expect(bitsOf(seen)).toBe(bitsOf(unseen));
    expect(existsSync(observationsPath(unseen, "map.jsonl"))).toBe(false);
    const lines = linesOf(seen);
    expect(lines.map(({ step }) => step)).toEqual([10, 20, 30]);
    expect(unpacked(lines[0]!)).toHaveLength(400);
    expect(lines[0]!.neighbours).toHaveLength(16);
    for (const places of lines[2]!.neighbours) expect(places).toHaveLength(8);
    expect(json(seen, "sample.json")).toMatchObject({
      length: 200,
      names: null,
      classes: ["dark", "bright"],
      tile: 32,
      columns: 15,
    });
    const sheet = await sharp(observationsPath(seen, "sample.webp")).metadata();
    expect([sheet.width, sheet.height]).toEqual([480, 448]);
    expect(json(seen, "views.json")).toMatchObject({ step: 30, epoch: 2, views: 2, columns: 3, tile: 96 });
    expect((await sharp(observationsPath(seen, "views.webp")).metadata()).width).toBe(288);
  });

  it("of a run that was broken is that of an unbroken one", async () => {
    const [whole, broken] = [scratch.next(), scratch.next()];
    await trainRun(await begun(whole));
    await stopping(await begun(broken), 13);
    const quiet = { data: labelled(), warn: () => {}, say: () => {} };
    await stopping(await goOnWithRun(broken, [{}], quiet), 9);
    await trainRun(await goOnWithRun(broken, [{}], quiet));
    expect(linesOf(broken)).toEqual(linesOf(whole));
    expect(readFileSync(observationsPath(broken, "sample.json"))).toEqual(
      readFileSync(observationsPath(whole, "sample.json")),
    );
  });

  it("is drawn of pictures without labels too, and what cannot be drawn is said once and ends no run", async () => {
    const folder = scratch.next();
    const run = await begun(folder, { steps: 10, batchSize: 8 }, tinyData());
    await trainRun(run);
    expect(linesOf(folder).map(({ step }) => step)).toEqual([5, 10]);
    const stuck = scratch.next();
    const again = await begun(stuck, { steps: 10, batchSize: 8 }, tinyData());
    writeFileSync(observationsPath(stuck), "in the way");
    expect(await trainRun(again)).toMatchObject({ reason: "complete" });
    const said = readLog(stuck).filter(
      (event) => event.event === "warning" && event.message.includes("without its map"),
    );
    expect(said).toHaveLength(1);
    expect(statSync(observationsPath(stuck)).isFile()).toBe(true);
  });
});

describe("points of a plane", () => {
  const next = keyedStream(11);
  const [n, D] = [60, 12];
  const features = Float32Array.from(
    { length: n * D },
    (_, i) => (next() - 0.5) * (i % D === 3 ? 6 : i % D === 7 ? 4 : 1),
  );

  it("hold what the two largest eigenvalues of the covariance hold, recomputed in float64", () => {
    const { points, explained } = principalPlane(features, n);
    const shares = scope(() =>
      noGrad(() => {
        const rows = tensor(features, [n, D]).to("float64");
        const unit = rows.div(rows.norm({ dim: 1, keepDim: true }));
        const centred = unit.sub(unit.mean({ dim: 0, keepDim: true }));
        const values = [...(op.linalg_eigvalsh(centred.T.matmul(centred)).data() as Float64Array)].sort(
          (a, b) => b - a,
        );
        return (values[0]! + values[1]!) / values.reduce((sum, value) => sum + value, 0);
      }),
    );
    expect(explained).toBeCloseTo(shares, 5);
    const sums = [0, 1].map((axis) => points.reduce((sum, value, i) => sum + (i % 2 === axis ? value : 0), 0));
    for (const sum of sums) expect(Math.abs(sum)).toBeLessThan(1e-5);
    expect(principalPlane(features, n)).toEqual({ points, explained });
  });

  it("turned or mirrored are turned back; points that are missing do not matter", () => {
    const { points } = principalPlane(features, n);
    for (const mirror of [1, -1]) {
      const turned = points.map((_, i) => {
        const [x, y] = [points[i - (i % 2)]!, mirror * points[i - (i % 2) + 1]!];
        return i % 2 === 0 ? 0.6 * x - 0.8 * y : 0.8 * x + 0.6 * y;
      });
      turned[4] = Number.NaN;
      turned[5] = Number.NaN;
      const back = alignedTo(turned, points);
      const differences = back.map((value, i) => (Number.isNaN(value) ? 0 : Math.abs(value - points[i]!)));
      expect(Math.max(...differences)).toBeLessThan(1e-9);
    }
  });

  it("are kept to a ten-thousandth of the largest", () => {
    const points = Float64Array.from([0.5, -0.25, Number.NaN, Number.NaN, 0.1, 0]);
    const again = unpacked(packed(points));
    again.forEach((value, i) => {
      if (Number.isNaN(points[i]!)) expect(value).toBeNaN();
      else expect(value).toBeCloseTo(points[i]!, 4);
    });
    expect(unpacked(packed(new Float64Array(4)))).toEqual(new Float64Array(4));
  });

  it("of pictures that could not be read are missing, and nobody's neighbours", () => {
    const indices = Uint32Array.from({ length: 20 }, (_, i) => (i < 3 ? i : i + 2)); // places 3 and 4 are missing
    const few = {
      values: features.slice(0, 20 * D),
      length: 20,
      dimensions: D,
      indices,
      dataset: "x",
      badFiles: [],
      remarks: [],
    } as Features;
    const line = mapLine(few, 22);
    const points = unpacked(line);
    expect([3, 4].map((place) => points[2 * place])).toEqual([Number.NaN, Number.NaN]);
    expect(line.neighbours.flat()).not.toContain(3);
    expect(line.neighbours[queriesOf(22).indexOf(4)]).toEqual([]);
    expect(line.neighbours[0]).not.toContain(0);
  });
});

it("chooses a share of the data, the same for the same seed", () => {
  expect([100, 3000, 20_000, 1e6].map((length) => mapPlaces({ length }, 0).length)).toEqual([100, 200, 1000, 2000]);
  expect(mapPlaces({ length: 3000 }, 1)).not.toEqual(mapPlaces({ length: 3000 }, 0));
});
