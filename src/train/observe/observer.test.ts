// N images, D features, B bins
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bitsOf, newTinyRun, scratchFolder, stopAfter, tinySettings, trainTiny } from "../../../test/tiny-run.ts";
import { barlowTwinsLoss, type MethodName, pairSimilarities } from "../../methods/index.ts";
import { keyedStream } from "../../random.ts";
import { liveTensors, scope, type Tensor, tensor, threads } from "../../torch/index.ts";
import { type LogEvent, readLog } from "../run/log.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { askOfRun } from "../steer/request.ts";
import { binStart, chainedOrder, chosenFeatures } from "./feature-order.ts";
import { type Figures, lateFigures } from "./figures.ts";
import { observationsPath, openLines, readLines, strideAt } from "./store.ts";

const scratch = scratchFolder();
beforeAll(() => void threads(1));
afterAll(scratch.remove);

const stepsOf = (folder: string) => readLines(observationsPath(folder, "steps.jsonl"));
const indexOf = (folder: string) => JSON.parse(readFileSync(observationsPath(folder, "index.json"), "utf8"));
const same = (folder: string) => stepsOf(folder).map(({ memoryBytes, seconds, share, ...rest }) => rest);

async function trained(settings = tinySettings({ observeEverySteps: 3 }), more: object = {}) {
  const folder = scratch.next();
  newTinyRun(folder, settings);
  await trainTiny(folder, settings, more);
  return { folder, settings };
}

describe("an observed run", () => {
  it("learns the same weights as one that nobody looks at, to the bit", async () => {
    const [{ folder }, seen, unseen] = [
      await trained(),
      await trained(tinySettings({ observeEverySteps: 1 })),
      await trained(tinySettings({ observeEverySteps: 0 })),
    ];
    expect(bitsOf(folder)).toBe(bitsOf(unseen.folder));
    expect(bitsOf(seen.folder)).toBe(bitsOf(unseen.folder));
    expect(stepsOf(folder).map(({ step }) => step)).toEqual([0, 3, 6, 9]);
    expect(stepsOf(unseen.folder)).toEqual([]);
    expect(indexOf(folder)).toMatchObject({ format: 1, everySteps: 3, method: "barlow-twins", features: 16, bins: 16 });
    expect([...indexOf(folder).orders[0].features].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 16 }, (_, i) => i),
    );
  });

  it("goes on with the same order, and its lines are those of an unbroken run", async () => {
    const { folder, settings } = await trained();
    const broken = scratch.next();
    newTinyRun(broken, settings);
    await trainTiny(broken, settings, { isStopping: stopAfter(4) });
    writeFileSync(observationsPath(broken, "steps.jsonl"), '{"step":4,"cut', { flag: "a" });
    await trainTiny(broken, settings, { resumes: true, isStopping: stopAfter(3) });
    await trainTiny(broken, settings, { resumes: true });
    expect(same(broken)).toEqual(same(folder));
    expect(indexOf(broken)).toEqual(indexOf(folder));
  });

  it("orders its features anew when it is told to", async () => {
    const settings = tinySettings({ observeEverySteps: 2 });
    const folder = scratch.next();
    newTinyRun(folder, settings);
    const onEvent = ({ event, step }: LogEvent) =>
      void (event === "step" && step === 5 && askOfRun(folder, { act: "reorder" }));
    await trainTiny(folder, settings, { onEvent, controlEveryMilliseconds: 0 });
    expect(stepsOf(folder).map(({ step, order }) => [step, order])).toEqual([
      [0, 0],
      [2, 0],
      [4, 0],
      [6, 1],
      [8, 1],
      [10, 1],
    ]);
    expect(indexOf(folder).orders.map(({ id, step }: { id: number; step: number }) => [id, step])).toEqual([
      [0, 0],
      [1, 6],
    ]);
  });

  it("goes on where its folder cannot be written, and says so once", async () => {
    const settings = tinySettings({ observeEverySteps: 3 });
    const folder = scratch.next();
    newTinyRun(folder, settings);
    writeFileSync(observationsPath(folder), "in the way");
    await trainTiny(folder, settings);
    const said = readLog(folder).filter((event) => event.event === "warning" && event.message.includes("observe:"));
    expect(said.length).toBeLessThanOrEqual(2);
    expect(said[0]).toMatchObject({ message: expect.stringContaining("the run goes on without it") });
  });

  it("leaves no tensor behind", async () => {
    await trained();
    const before = liveTensors().live;
    await trained();
    expect(liveTensors().live).toBe(before);
  });

  const own: Partial<Record<MethodName, PartialSettings>> = {
    "moco-v2": { queueLength: 64, batchNormGroups: 2, projector: "16-8" },
    swav: { prototypes: 12, projector: "16-8", freezePrototypesEpochs: 0 },
    simsiam: { projector: "16-16", predictor: "8" },
    byol: { projector: "16-16", predictor: "8" },
    simclr: { projector: "16-8" },
    vicreg: { projector: "16-16" },
  };
  it.each(Object.keys(own) as MethodName[])("%s shows the picture of its own", async (method) => {
    const settings = tinySettings({
      method,
      steps: 4,
      observeEverySteps: 3,
      optimizer: { name: "sgd", learningRate: 0.05 },
      ...own[method],
    } as PartialSettings);
    const { folder } = await trained(settings);
    const last = stepsOf(folder).at(-1)! as unknown as Figures;
    const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
    expect(sum(last.stds)).toBe(method === "simclr" || method === "moco-v2" || method === "swav" ? 8 : 16);
    expect(last.similarities !== null).toBe(method === "simclr" || method === "moco-v2");
    if (method === "simclr")
      expect([sum(last.similarities!.positives), sum(last.similarities!.negatives)]).toEqual([8, 56]);
    if (method === "moco-v2")
      expect([sum(last.similarities!.positives), sum(last.similarities!.negatives)]).toEqual([8, 512]);
    expect(last.prototypes !== null).toBe(method === "swav");
    if (method === "swav") {
      expect(last.prototypes!.count).toBe(12);
      expect(sum(last.prototypes!.used)).toBeCloseTo(1, 10);
      expect(last.prototypes!.perplexity).toBeGreaterThanOrEqual(1);
    }
  });
});

describe("figures", () => {
  const next = keyedStream(5);
  const N = 40;
  const D = 10;
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: N * D }, () => next() - 0.5)) as [
    Float32Array,
    Float32Array,
  ];
  const column = (rows: Float32Array, j: number) => Array.from({ length: N }, (_, i) => rows[i * D + j]!);
  const standard = (values: number[]) => {
    const mean = values.reduce((s, v) => s + v, 0) / N;
    const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / N;
    return values.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
  };
  const C = (i: number, j: number) => {
    const [u, v] = [standard(column(a, i)), standard(column(b, j))];
    return u.reduce((sum, value, n) => sum + value * v[n]!, 0) / N;
  };

  it("are those of a recomputation in float64: matrix, diagonal, spectrum, stds", () => {
    const order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7];
    const bins = 4;
    const figures = scope(() => lateFigures({}, [tensor(a, [N, D]), tensor(b, [N, D])], { order, bins }).read());
    const groups = Array.from({ length: bins }, (_, k) => order.slice(binStart(k, bins, D), binStart(k + 1, bins, D)));
    for (const [r, rows] of groups.entries())
      for (const [c, columns] of groups.entries()) {
        const values = rows.flatMap((i) => columns.filter((j) => j !== i).map((j) => C(i, j) ** 2));
        const rms = Math.sqrt(values.reduce((s, v) => s + v, 0) / values.length);
        expect(figures.matrix[r * bins + c]).toBe(Math.round(255 * Math.sqrt(rms)));
      }
    for (const [r, rows] of groups.entries()) {
      const mean = rows.reduce((s, i) => s + C(i, i), 0) / rows.length;
      expect(figures.diagonal[r]).toBe(Math.round((255 * (mean + 1)) / 2));
    }
    const { onDiagonal, offDiagonal } = scope(() => {
      const { metrics } = barlowTwinsLoss(tensor(a, [N, D]), tensor(b, [N, D]), { lambda: 1 });
      return { onDiagonal: metrics.onDiagonal!.item(), offDiagonal: metrics.offDiagonal!.item() };
    });
    expect(figures.rmsOffDiagonal).toBeCloseTo(Math.sqrt(offDiagonal / (D * (D - 1))), 5);
    expect(onDiagonal).toBeGreaterThan(0);
    expect(figures.spectrum.reduce((s, v) => s + v, 0)).toBeCloseTo(1, 10);
    expect([...figures.spectrum].sort((x, y) => y - x)).toEqual(figures.spectrum);
    expect(figures.stds.reduce((s, v) => s + v, 0)).toBe(D);
    expect(figures).toMatchObject({ rows: N, similarities: null, prototypes: null });
  });

  it("of SimCLR's similarities are counted in their bins", () => {
    const method = { similarities: ([x, y]: readonly Tensor[]) => pairSimilarities(x!, y!) };
    const figures = scope(() =>
      lateFigures(method, [tensor(a, [N, D]), tensor(a, [N, D])], { order: [0, 1], bins: 2 }).read(),
    );
    const { positives, negatives } = figures.similarities!;
    expect(positives[39]).toBe(N); // each view is its own twin
    expect(negatives.reduce((s, v) => s + v, 0)).toBe(N * (N - 1));
    expect(negatives[39]).toBeLessThan(N);
  });

  it("of one view compare it with itself", () => {
    const figures = scope(() => lateFigures({}, [tensor(a, [N, D])], { order: [0, 1, 2], bins: 3 }).read());
    expect([...figures.diagonal]).toEqual([255, 255, 255]);
  });
});

describe("the order of features", () => {
  it("keeps groups together, whatever their signs", () => {
    const next = keyedStream(9);
    const F = 24;
    const groupOf = Array.from({ length: F }, () => Math.floor(next() * 4));
    const sign = Array.from({ length: F }, () => (next() < 0.5 ? -1 : 1));
    const correlations = new Float32Array(F * F);
    for (let i = 0; i < F; i++)
      for (let j = 0; j < F; j++)
        correlations[i * F + j] = i === j ? 1 : groupOf[i] === groupOf[j] ? 0.8 * sign[i]! * sign[j]! : 0.1;
    const groups = chainedOrder(correlations, F).map((feature) => groupOf[feature]!);
    const changes = groups.filter((group, i) => i > 0 && group !== groups[i - 1]).length;
    expect(changes).toBe(new Set(groupOf).size - 1);
  });

  it("has every feature once, of correlations that are no numbers too", () => {
    expect(chainedOrder(new Float32Array(25).fill(Number.NaN), 5).sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it("chooses evenly where there are too many", () => {
    expect(chosenFeatures(5, 8)).toEqual([0, 1, 2, 3, 4]);
    expect(chosenFeatures(10, 4)).toEqual([0, 2, 5, 7]);
  });
});

describe("what is kept", () => {
  it("stays small however long a run is: distances double", () => {
    expect([0, 50, 12_750, 12_800, 25_599, 25_600, 1e7].map((step) => strideAt(step, 50, 256))).toEqual([
      50, 50, 50, 100, 100, 200, 51_200,
    ]);
    const path = scratch.next();
    const file = openLines(path, { before: 0, most: 256, onProblem: () => {} });
    for (let step = 0; step < 100_000; step++) if (step % strideAt(step, 50, 256) === 0) file.append({ step });
    const kept = readLines(path);
    expect(kept).toEqual(file.lines());
    expect(kept.length).toBeLessThanOrEqual(256);
    expect(kept.length).toBeGreaterThanOrEqual(120);
    expect(kept[0]).toEqual({ step: 0 });
    expect(statSync(path).size).toBeLessThan(10_000);
  });

  it("is cut where a run goes on, and what is no line is passed over", () => {
    const path = scratch.next();
    writeFileSync(path, '{"step":0}\n{"step":5}\nnull\n{"step":9}\n{"st');
    expect(openLines(path, { before: 9, most: 10, onProblem: () => {} }).lines()).toEqual([{ step: 0 }, { step: 5 }]);
    expect(readFileSync(path, "utf8")).toBe('{"step":0}\n{"step":5}\n');
    expect(existsSync(join(path, "x"))).toBe(false);
    rmSync(path);
    expect(readLines(path)).toEqual([]);
  });
});
