import { batches, type Dataset } from "../data/index.ts";
import { freeNetwork, freeOptimizer } from "../nn/index.ts";
import { buildState, type Settings, trainStep } from "../train/index.ts";

const warmUpSteps = 3;
const timedSteps = 9;

/** Seconds that one step of these settings takes here: the median of nine, on a network that is thrown away. */
export async function secondsPerStep(settings: Settings, dataset: Dataset): Promise<number> {
  const state = buildState({ ...settings, steps: warmUpSteps + timedSteps, warmupEpochs: 0 }, dataset);
  const seconds: number[] = [];
  try {
    const { batchSize, seed } = settings;
    let startedAt = performance.now();
    for await (const batch of batches(dataset, { batchSize, seed, steps: warmUpSteps + timedSteps })) {
      trainStep(state, batch);
      seconds.push((performance.now() - startedAt) / 1000);
      startedAt = performance.now();
    }
  } finally {
    freeOptimizer(state.optimizer);
    freeNetwork(state.network);
  }
  const timed = seconds.slice(warmUpSteps).sort((a, b) => a - b);
  return timed[Math.floor(timed.length / 2)]!;
}
