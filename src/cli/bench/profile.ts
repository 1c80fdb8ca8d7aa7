// Where the time of a training step goes: the run's own step on real batches, the device waited for between its parts.
import type { Carrier, PlacedBatch } from "../../augment/index.ts";
import { type Dataset, imageArray, openDataset } from "../../data/index.ts";
import { keyedStream } from "../../random.ts";
import { synchronize } from "../../torch/index.ts";
import {
  buildState,
  decodeSizeOf,
  freeResidence,
  freeState,
  openFeed,
  openResidence,
  PartClock,
  type StepShares,
  stepParts,
  trainStep,
} from "../../train/index.ts";
import { type BenchOptions, type BenchResult, measure, medianOf, type PartOfTime, summary } from "./figures.ts";
import { projectorOf, settingsOf } from "./step.ts";

const parts = ["dataWait", ...stepParts] as const;
type Times = StepShares & { dataWait: number };

/** Carries nothing ahead, so that the bytes' way to the device is part of the views. */
const withViews: Carrier = (batch) => ({ arrive: () => batch, free() {} });

/** The parts of the middle one of the steps, the wait for its pictures among them. Pictures are resident where those of a run would be. */
export async function benchProfile(options: BenchOptions): Promise<BenchResult> {
  const dataset = options.data === undefined ? noise(options) : await openDataset(options.data);
  const settings = settingsOf({ ...options, batch: Math.min(options.batch, dataset.length) });
  const state = buildState(settings, dataset);
  const clock = new PartClock(() => {
    synchronize();
    return performance.now();
  });
  const residence = openResidence(state, dataset);
  const reading = { batchSize: settings.batchSize, decodeSize: decodeSizeOf(settings) };
  const reader = openFeed(state, residence, dataset, reading, withViews).batches;
  const times: Times[] = [];
  const seconds = await measure(options.steps, async () => {
    const { batch, milliseconds } = await nextBatch(reader);
    trainStep({ ...state, clock }, batch);
    times.push({ dataWait: milliseconds, ...clock.read() });
  });
  await reader.return(undefined);
  freeResidence(residence);
  freeState(state);
  const { method, backbone, width, size, batchSize } = settings;
  const facts = { method, backbone, width, size, batch: batchSize, projector: projectorOf(settings) };
  const { precision, device } = state;
  const data = options.data ?? "noise in memory";
  const pictures = residence.resident ? "on the device" : "copied with the views";
  return summary("profile", seconds, batchSize, {
    ...partsOfTime(times.slice(-options.steps)),
    ...facts,
    precision,
    device,
    data,
    pictures,
  });
}

async function nextBatch(reader: AsyncIterator<PlacedBatch>): Promise<{ batch: PlacedBatch; milliseconds: number }> {
  const startedAt = performance.now();
  const { value } = await reader.next();
  return { batch: value, milliseconds: performance.now() - startedAt };
}

/** The parts of the middle step, so that they belong together and never add up to more than the median. */
function partsOfTime(times: readonly Times[]): Record<string, PartOfTime> {
  const sumOf = (each: Times) => parts.reduce((sum, part) => sum + each[part], 0);
  const middle = medianOf(times.toSorted((a, b) => sumOf(a) - sumOf(b)));
  return Object.fromEntries(
    parts.map((part) => [part, { milliseconds: middle[part], share: middle[part] / sumOf(middle) }]),
  );
}

/** Two batches of pictures with labels. */
function noise({ batch, size }: BenchOptions): Dataset {
  const next = keyedStream(0);
  const length = 2 * batch;
  const pixels = Uint8Array.from({ length: length * 3 * size * size }, () => 256 * next());
  const labels = Int32Array.from({ length }, (_, i) => i % 2);
  return imageArray({ name: "noise", pixels, channels: 3, height: size, width: size, labels, classes: ["0", "1"] });
}
