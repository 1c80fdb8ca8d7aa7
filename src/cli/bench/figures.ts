// What all figures of `selfsight bench` share: repeats, their summary, and what each one says beside its seconds.
import { engine, synchronize, threads } from "../../torch/index.ts";

export interface BenchOptions {
  method?: string | undefined;
  backbone: string;
  width: number;
  size: number;
  batch: number;
  projector?: string | undefined;
  features: number;
  precision: "auto" | "bf16" | "fp32";
  device: string;
  cudaGraph?: boolean | undefined;
  threads?: number | undefined;
  steps: number;
  data?: string | undefined;
}

export interface BenchResult {
  what: string;
  medianSeconds: number;
  minSeconds: number;
  maxSeconds: number;
  /** Pictures, not views: a picture that gives two views counts once. */
  imagesPerSecond: number;
  threads: number;
  /** The most memory that this process has held so far. */
  peakResidentMiB: number;
  /** Version of the libtorch that did the work. */
  libtorch: string;
  [fact: string]: number | string | PartOfTime;
}

/** A part of the repeat whose parts took the middle time, and its share of them all. */
export interface PartOfTime {
  milliseconds: number;
  share: number;
}

const warmUpRepeats = 2;
/** A step is run three times and captured once before it is played back. */
export const warmUpOfGraphs = 5;

/** Seconds of each repeat, in order of size. */
export async function measure(repeats: number, body: () => unknown, warmUp = warmUpRepeats): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await body();
  const seconds: number[] = [];
  for (let i = 0; i < repeats; i++) {
    synchronize();
    const startedAt = performance.now();
    await body();
    synchronize();
    seconds.push((performance.now() - startedAt) / 1000);
  }
  return seconds.sort((a, b) => a - b);
}

/** The middle one of what stands in order of size. */
export const medianOf = <T>(sorted: readonly T[]): T => sorted[Math.floor(sorted.length / 2)]!;

/** `seconds` in order of size, each the time of `images` pictures. */
export function summary(
  what: string,
  seconds: readonly number[],
  images: number,
  facts: Record<string, number | string | PartOfTime>,
): BenchResult {
  const medianSeconds = medianOf(seconds);
  return {
    what,
    medianSeconds,
    minSeconds: seconds[0]!,
    maxSeconds: seconds.at(-1)!,
    imagesPerSecond: images / medianSeconds,
    ...facts,
    threads: threads(),
    peakResidentMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    libtorch: engine().builtFor,
  };
}
