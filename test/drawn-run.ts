// A run's folder as a reader finds it, drawn without any training: settings, a log of many steps, observations of a matrix that becomes the identity.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { keyedStream } from "../src/random.ts";

export interface DrawnRun {
  steps?: number;
  method?: string;
  /** Observations, maps and sheets as well. Default true. */
  isObserved?: boolean;
  /** More lines of its log, as they are. */
  more?: readonly string[];
  settings?: Readonly<Record<string, unknown>>;
}

const bins = 16;
const pictures = 60;

/** Writes a run to `folder`. */
export async function drawRun(
  folder: string,
  { steps = 120, method = "barlow-twins", isObserved = true, more = [], settings = {} }: DrawnRun = {},
): Promise<void> {
  mkdirSync(join(folder, "checkpoints", "step-0000100"), { recursive: true });
  const run = {
    format: 1,
    settings: { method, epochs: 4, lambda: 0.0051, optimizer: { name: "lars", learningRate: 0.2 }, ...settings },
    command: "selfsight pretrain shapes",
    data: "shapes",
    versions: { selfsight: "0.1.0", node: process.version, libtorch: "2.13.0" },
    fingerprint: "0".repeat(64),
    images: 2000,
    created: "2026-01-01T00:00:00.000Z",
  };
  writeFileSync(join(folder, "run.json"), JSON.stringify(run));
  writeFileSync(join(folder, "log.jsonl"), `${[...logLines(steps), ...more].join("\n")}\n`);
  if (isObserved) await drawObservations(folder, steps, method);
}

/** The lines of a log of so many steps. */
export function logLines(steps: number): string[] {
  const next = keyedStream(3);
  const line = (event: object) => JSON.stringify(event);
  const lines = [line({ event: "start", time: "2026-01-01T00:00:00.000Z", step: 0, device: "cpu", totalSteps: steps })];
  for (let step = 1; step <= steps; step++) lines.push(line({ event: "step", ...stepOf(step, steps, next()) }));
  lines.push(line({ event: "evaluation", step: steps, epoch: 4, protocol: "online knn-v1 k=32 T=0.1", value: 0.42 }));
  return lines;
}

const stepOf = (step: number, steps: number, noise: number) => ({
  step,
  epoch: Math.floor((4 * step) / steps),
  loss: 40 * Math.exp((-2 * step) / steps) + 2 * noise,
  ...{ onDiagonal: 30 * Math.exp((-2 * step) / steps), offDiagonal: 90 + 10 * noise, floor: 0.33 },
  ...{ learningRate: 0.2 * (1 - step / steps), imagesPerSecond: 300 + 40 * noise, dataWaitShare: 0.02 * noise },
  ...(step % 4 === 0 && {
    featureStd: 0.9,
    effectiveRank: 10 + (20 * step) / steps,
    deadDimensions: 0,
    recognition: 0.8,
  }),
});

async function drawObservations(folder: string, steps: number, method: string): Promise<void> {
  const own = join(folder, "observations");
  mkdirSync(own, { recursive: true });
  const write = (name: string, value: unknown) => writeFileSync(join(own, name), JSON.stringify(value));
  write("index.json", {
    ...{ format: 1, everySteps: 10, method, dimensions: 64, bins },
    orders: [{ id: 0, step: 0, features: Array.from({ length: 64 }, (_, i) => i) }],
    histograms: { std: [0, 2], similarities: [-1, 1] },
    changeable: ["optimizer.learningRate", "lambda", "views.*"],
  });
  const lines = (count: number, one: (i: number) => object) =>
    `${Array.from({ length: count }, (_, i) => JSON.stringify(one(i))).join("\n")}\n`;
  const observed = Math.max(2, Math.floor(steps / 10));
  writeFileSync(
    join(own, "steps.jsonl"),
    lines(observed, (i) => observation(10 * (i + 1), i / (observed - 1), method)),
  );
  writeFileSync(
    join(own, "map.jsonl"),
    lines(4, (i) => mapLine(Math.round((steps * (i + 1)) / 4), i + 1)),
  );
  const names = Array.from({ length: pictures }, (_, i) => `class ${i % 3}/picture ${i}.png`);
  write("sample.json", {
    ...{
      format: 1,
      length: pictures,
      indices: names.map((_, i) => i),
      names,
      queries: [0, 1, 2],
      tile: 16,
      columns: 10,
    },
    ...{ labels: names.map((_, i) => i % 3), classes: ["red", "green", "blue"] },
  });
  write("views.json", { step: steps, epoch: 4, indices: [0, 1, 2, 3], views: 2, tile: 16, columns: 3 });
  writeFileSync(join(own, "sample.webp"), await sheet(10, Math.ceil(pictures / 10)));
  writeFileSync(join(own, "views.webp"), await sheet(3, 4));
}

/** A matrix on its way from correlated features to the identity; `way` from 0 to 1. */
function observation(step: number, way: number, method: string) {
  const cell = (row: number, column: number) =>
    Math.round(255 * Math.sqrt((1 - way) * 0.6 * Math.exp(-Math.abs(row - column) / 4)));
  const matrix = Uint8Array.from({ length: bins * bins }, (_, i) => cell(Math.floor(i / bins), i % bins));
  const hill = (middle: number) =>
    Array.from({ length: 40 }, (_, i) => Math.round(100 * Math.exp(-((i / 20 - 1 - middle) ** 2) / 0.05)));
  return {
    ...{ step, epoch: Math.floor(4 * way), order: 0, rows: 64, matrix: base64(matrix) },
    diagonal: base64(new Uint8Array(bins).fill(Math.round(127.5 * (1 + 0.2 + 0.7 * way)))),
    ...{ meanDiagonal: 0.2 + 0.7 * way, rmsOffDiagonal: 0.4 * (1 - way), largestOffDiagonal: 0.9 - 0.5 * way },
    spectrum: Array.from({ length: 32 }, (_, i) => Math.exp(-i * (1.2 - way)) / 3),
    ...{ effectiveRank: 4 + 26 * way, dead: 0, stds: hill(0).map((count) => Math.round(count / 10)) },
    similarities: ["simclr", "moco-v2"].includes(method)
      ? { positives: hill(0.2 + 0.5 * way), negatives: hill(0) }
      : null,
    prototypes:
      method === "swav"
        ? {
            used: hill(-1)
              .slice(0, 20)
              .map((share) => share / 500),
            perplexity: 210.4,
            count: 300,
          }
        : null,
    ...{ memoryBytes: 4e8 + 1e6 * step, seconds: 0.02, share: 0.001 },
  };
}

/** Three heaps that part as time goes on. */
function mapLine(step: number, epoch: number) {
  const next = keyedStream(5);
  const points = Int16Array.from({ length: 2 * pictures }, (_, i) => {
    const angle = (2 * Math.PI * (Math.floor(i / 2) % 3)) / 3;
    const middle = epoch * 2000 * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
    return Math.round(middle + 1500 * (next() - 0.5));
  });
  const neighbours = [0, 1, 2].map((query) =>
    Array.from({ length: 8 }, (_, i) => (query + 3 * (i + 1) + (epoch < 2 ? i : 0)) % pictures),
  );
  return { step, epoch, points: base64(new Uint8Array(points.buffer)), scale: 0.001, explained: 0.31, neighbours };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** Tiles of 16 pixels in the three colours, a grey bar in each that tells them apart. */
function sheet(across: number, down: number): Promise<Buffer> {
  const [width, height] = [16 * across, 16 * down];
  const pixels = Buffer.alloc(3 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const tile = Math.floor(y / 16) * across + Math.floor(x / 16);
      const isBar = x % 16 === tile % 16;
      for (let band = 0; band < 3; band++)
        pixels[3 * (y * width + x) + band] = isBar ? 128 : band === tile % 3 ? 200 : 30;
    }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .webp({ lossless: true })
    .toBuffer();
}
