// Pictures in: how fast they are decoded, and how fast views are made of them.
import { makeViews } from "../../augment/index.ts";
import { type Batch, batches, openDataset } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";
import { keyedStream } from "../../random.ts";
import { fusedViewsProblem, scope } from "../../torch/index.ts";
import { chosenDevice, defaultSettings } from "../../train/index.ts";
import { type BenchOptions, type BenchResult, measure, summary } from "./figures.ts";

/** Barlow Twins' two views of one batch of random pictures. */
export async function benchAugment({ batch, size, steps, device: wanted }: BenchOptions): Promise<BenchResult> {
  const device = chosenDevice(wanted);
  const recipes = defaultSettings({ size }).views;
  const input = randomBatch(batch, size);
  const seconds = await measure(steps, () => scope(() => void makeViews(input, recipes, { seed: 0, device })));
  const executor = fusedViewsProblem(device) === null ? "fused" : "tensors";
  return summary("augment", seconds, batch, { size, batch, views: recipes.length, device, executor });
}

function randomBatch(count: number, size: number): Batch {
  const next = keyedStream(0);
  const pixels = Uint8Array.from({ length: count * 3 * size * size }, () => 256 * next());
  return {
    epoch: 0,
    step: 0,
    indices: Uint32Array.from({ length: count }, (_, i) => i),
    images: { pixels, channels: 3, height: size, width: size },
  };
}

/** Pictures decoded as a run decodes them, without views. */
export const benchDecode = (options: BenchOptions): Promise<BenchResult> => readBench("decode", options, () => {});

/** Pictures decoded and made into views, as a run does. */
export async function benchPipeline(options: BenchOptions): Promise<BenchResult> {
  const recipes = defaultSettings({ size: options.size }).views;
  const device = chosenDevice(options.device);
  return readBench("pipeline", options, (batch) => scope(() => void makeViews(batch, recipes, { seed: 0, device })));
}

async function readBench(what: string, options: BenchOptions, use: (batch: Batch) => void): Promise<BenchResult> {
  const { data, size, steps } = options;
  if (data === undefined)
    throw new SelfsightError(
      "configuration",
      `bench ${what}: no pictures were named; a folder is needed; give --data FOLDER`,
    );
  const dataset = await openDataset(data);
  const batch = Math.min(options.batch, dataset.length);
  const reader = batches(dataset, { batchSize: batch, decodeSize: Math.round((size * 8) / 7) });
  const seconds = await measure(steps, async () => {
    const { value } = await reader.next();
    if (value) use(value);
  });
  await reader.return(undefined);
  return summary(what, seconds, batch, { size, batch, images: dataset.length, data });
}
