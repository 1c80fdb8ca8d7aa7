import { batches, type Dataset } from "../data/index.ts";
import { decodeSizeOf, type Settings } from "./settings/settings.ts";
import { buildState, freeState, type TrainState } from "./state.ts";
import { trainStep } from "./step.ts";

const warmUpSteps = 3;
/** Long enough to see past a hiccup of a shared machine. */
const timedSeconds = 5;

/**
 * Seconds that one step of these settings takes here, reading included: a median over five seconds, on a network that is thrown away.
 * Of a run whose views grow, those of the whole size.
 */
export async function secondsPerStep(settings: Settings, dataset: Dataset): Promise<number> {
  const state = buildState({ ...settings, earlySize: null }, dataset);
  try {
    const timed = (await stepTimes(state, dataset)).sort((a, b) => a - b);
    return timed[Math.floor(timed.length / 2)]!;
  } finally {
    freeState(state);
  }
}

/** Seconds of each step after those that warm up; at least one. */
async function stepTimes(state: TrainState, dataset: Dataset): Promise<number[]> {
  const { batchSize, seed } = state.settings;
  const decodeSize = decodeSizeOf(state.settings);
  const seconds: number[] = [];
  let startedAt = performance.now();
  let timed = 0;
  for await (const batch of batches(dataset, { batchSize, seed, decodeSize })) {
    trainStep(state, batch);
    seconds.push((performance.now() - startedAt) / 1000);
    startedAt = performance.now();
    timed += seconds.length > warmUpSteps ? seconds.at(-1)! : 0;
    if (timed > timedSeconds) break;
  }
  return seconds.slice(warmUpSteps);
}
