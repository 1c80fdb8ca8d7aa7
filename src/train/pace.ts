import type { Dataset } from "../data/index.ts";
import { freeResidence, openFeed, openResidence, type Residence } from "./pictures/residence.ts";
import { decodeSizeOf, type Settings } from "./settings/settings.ts";
import { buildState, freeState, type TrainState } from "./state.ts";
import { enqueueStep } from "./step.ts";

const warmUpSteps = 3;
/** Long enough to see past a hiccup of a shared machine. */
const timedSeconds = 5;

/**
 * Seconds that one step of these settings takes here, reading included: a median over five seconds, on a network that is thrown away.
 * Of a run whose views grow, those of the whole size.
 */
export async function secondsPerStep(settings: Settings, dataset: Dataset): Promise<number> {
  const state = buildState({ ...settings, earlySize: null }, dataset);
  const residence = openResidence(state, dataset);
  try {
    const timed = (await stepTimes(state, residence, dataset)).sort((a, b) => a - b);
    return timed[Math.floor(timed.length / 2)]!;
  } finally {
    freeResidence(residence);
    freeState(state);
  }
}

/** Seconds of each step after those that warm up; at least one. */
async function stepTimes(state: TrainState, residence: Residence, dataset: Dataset): Promise<number[]> {
  const { batchSize, seed } = state.settings;
  const decodeSize = decodeSizeOf(state.settings);
  const feed = openFeed(state, residence, dataset, { batchSize, seed, decodeSize });
  const seconds: number[] = [];
  let startedAt = performance.now();
  let timed = 0;
  for await (const batch of feed.batches) {
    const numbers = enqueueStep(state, batch);
    await feed.lookAhead();
    numbers.read();
    seconds.push((performance.now() - startedAt) / 1000);
    startedAt = performance.now();
    timed += seconds.length > warmUpSteps ? seconds.at(-1)! : 0;
    if (timed > timedSeconds) break;
  }
  return seconds.slice(warmUpSteps);
}
