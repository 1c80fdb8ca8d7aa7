// What a speedrun found, as it stands in speedrun.json.
import type { Interval } from "../../evaluate/index.ts";
import type { RecipeName } from "../../recipes/index.ts";
import type { Settings } from "../../train/index.ts";
import type { SpeedrunLook } from "./clock.ts";

/** reached: the target; out of time: `limitMinutes`; out of steps: the run's own end; stopped: on request. */
export type SpeedrunOutcome = "reached" | "out of time" | "out of steps" | "stopped";

/** One run against the clock. */
export interface SpeedrunResult {
  format: 1;
  data: string;
  /** Per cent. */
  target: number;
  outcome: SpeedrunOutcome;
  folder: string;
  recipe: RecipeName;
  seed: number;
  limitMinutes: number;
  command: string;
  /** ISO 8601. */
  began: string;
  versions: { selfsight: string; node: string; libtorch: string };
  hardware: SpeedrunHardware;
  images: { trained: number; heldOut: number };
  /** Until the target was reached, else until the run ended. */
  seconds: SpeedrunSeconds;
  looks: readonly SpeedrunLook[];
  /** The one measurement on test pictures, after the run; null where it was stopped. */
  test: SpeedrunTest | null;
  settings: Settings;
}

export interface SpeedrunSeconds {
  /** From the first step's start to the end of the step after which the target was found to be reached, measuring left out. The figure that counts. */
  training: number;
  /** The same with all measuring, that of the last step included. */
  withMeasuring: number;
  /** From the start of the process, of a further seed from the end of the run before: libtorch, pictures and networks included. */
  fromStart: number;
}

export interface SpeedrunTest {
  /** Name and settings, `knn-v1 k=200 T=0.1`. */
  protocol: string;
  /** A share in [0, 1]. */
  value: number;
  interval: Interval | null;
  bankImages: number;
  queryImages: number;
}

export interface SpeedrunHardware {
  /** What trained, such as cuda or cpu. */
  device: string;
  precision: string;
  /** Names of the GPUs, where there are any. */
  gpus: readonly string[];
  processor: string;
  cores: number;
  /** Threads that computed. */
  threads: number;
  memoryGiB: number;
}

/** The smallest, the middle and the largest; of an even number the mean of the middle two. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** All runs of one call. */
export interface SpeedrunReport {
  format: 1;
  /** Where it lies; of several runs the folder above theirs. */
  folder: string;
  data: string;
  target: number;
  /** How many of the runs reached it. */
  reached: number;
  /** Seconds of training of those. Null where there is none. */
  trainingSeconds: Spread | null;
  /** Test accuracy of all that were measured, a share. Null where there is none. */
  test: Spread | null;
  runs: readonly SpeedrunResult[];
}

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [Math.floor((sorted.length - 1) / 2), Math.ceil((sorted.length - 1) / 2)];
  return { min: sorted[0]!, median: (sorted[low]! + sorted[high]!) / 2, max: sorted.at(-1)! };
}

export function reportOf(folder: string, runs: readonly SpeedrunResult[]): SpeedrunReport {
  const reached = runs.filter(({ outcome }) => outcome === "reached");
  const { data, target } = runs[0]!;
  return {
    format: 1,
    ...{ folder, data, target, reached: reached.length },
    trainingSeconds: spreadOf(reached.map(({ seconds }) => seconds.training)),
    test: spreadOf(runs.flatMap(({ test }) => (test ? [test.value] : []))),
    runs,
  };
}
