// A run from start to end, as command and program both have it.
import type { Dataset } from "../data/index.ts";
import { type LogEvent, type PreparedRun, type Settings, type TrainResult, train } from "../train/index.ts";

export interface RunOptions {
  /** Ends the run after the step that it is in, saved. */
  signal?: AbortSignal | undefined;
  /** Told of every line of the log. */
  onEvent?: ((event: LogEvent) => void) | undefined;
}

/** Trains a prepared run to its end, with kNN on held-out pictures where there are labels. Errors: those of `train`. */
export async function trainRun(run: PreparedRun, { signal, onEvent }: RunOptions = {}): Promise<TrainResult> {
  const evaluate = await watchOf(run.settings, run.dataset);
  return train({
    ...run,
    ...(evaluate && { evaluate }),
    ...(onEvent && { onEvent }),
    isStopping: () => signal?.aborted === true,
  });
}

/** Loaded only where it is used: a run without labels starts without it. */
async function watchOf(settings: Settings, dataset: Dataset) {
  if (settings.knnEveryEpochs === 0) return undefined;
  const { onlineKnn } = await import("./online-knn.ts");
  return onlineKnn(settings, dataset);
}
