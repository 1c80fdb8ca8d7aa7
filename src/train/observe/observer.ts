// A run that is watched: every so many steps what its embeddings look like is written down beside it, for a page to show.

import { readRegularFile, writeFileDurably } from "../../files.ts";
import type { BuiltMethod } from "../../methods/index.ts";
import type { Late, Tensor } from "../../torch/index.ts";
import { chainedOrder, chosenFeatures } from "./feature-order.ts";
import { type Figures, lateFigures, mostBins, ownCorrelations, similarityRange, stdRange } from "./figures.ts";
import { type LineFile, makeObservations, observationsPath, openLines, strideAt, tellingOnce } from "./store.ts";

const mostLines = 256;
const mostFeatures = 2048;
const mostOrders = 8;

/** What a step is looked at with. */
export interface StepObserver {
  /** Looks at a batch's embeddings where it is due; `step` steps were done before. Nothing is changed or waited for. */
  look(sight: Sight): void;
  /** Whether it looks at a step. */
  looksAt(sight: Pick<Sight, "step" | "every">): boolean;
  /** Writes down what was seen up to this step. */
  settle(step: number): void;
  /** Orders the features anew at the next observation. */
  reorder(): void;
}

export interface Sight {
  step: number;
  every: number;
  method: BuiltMethod;
  embeddings: readonly Tensor[]; // each [N, D]
}

export interface ObserverOptions {
  folder: string;
  /** Steps done. */
  step: number;
  stepsPerEpoch: number;
  every: number;
  method: { name: string; comparesLengths?: boolean | undefined };
  /** Keys of settings that may change while the run trains. */
  changeable: readonly string[];
  onProblem: (message: string) => void;
}

interface FeatureOrder {
  id: number;
  step: number;
  features: number[];
}

interface Seen {
  step: number;
  order: number;
  figures: Late<Figures>;
  seconds: number;
}

/** Goes on with the orders and lines of before `step`. */
const isLookedAt = ({ step, every }: Pick<Sight, "step" | "every">): boolean =>
  every > 0 && step % strideAt(step, every, mostLines) === 0;

export function openObserver(options: ObserverOptions): StepObserver {
  const { folder, step, onProblem } = options;
  const path = (name: string) => observationsPath(folder, name);
  const quietly = tellingOnce(observationsPath(folder), onProblem);
  quietly(() => makeObservations(folder));
  const lines = openLines(path("steps.jsonl"), { before: step, most: mostLines, onProblem });
  let orders = ordersIn(path("index.json")).filter((order) => order.step < step);
  let isReordering = false;
  let seen: Seen[] = [];
  const clock = observingClock();
  const writeIndex = () => quietly(() => writeFileDurably(path("index.json"), indexText(options, orders)));
  writeIndex();
  const orderFor = (sight: Sight): FeatureOrder => {
    const dimensions = sight.embeddings[0]!.size(1);
    const standing = orders.at(-1);
    if (standing && !isReordering && standing.features.every((feature) => feature < dimensions)) return standing;
    isReordering = false;
    const found = { id: (standing?.id ?? -1) + 1, step: sight.step, features: newOrder(sight.embeddings) };
    orders = [...orders, found].slice(-mostOrders);
    writeIndex();
    return found;
  };
  return {
    looksAt: isLookedAt,
    look(sight) {
      if (!isLookedAt(sight)) return;
      const startedAt = performance.now();
      const { id, features } = orderFor(sight);
      const { comparesLengths } = options.method;
      const bins = Math.min(mostBins, features.length);
      const figures = lateFigures(sight.method, sight.embeddings, { order: features, bins, comparesLengths });
      seen.push({ step: sight.step, order: id, figures, seconds: (performance.now() - startedAt) / 1000 });
    },
    settle(done) {
      for (const one of seen.filter((each) => each.step < done)) write(lines, one, clock, options.stepsPerEpoch);
      seen = seen.filter((each) => each.step >= done);
    },
    reorder() {
      isReordering = true;
    },
  };
}

function newOrder(embeddings: readonly Tensor[]): number[] {
  const features = chosenFeatures(embeddings[0]!.size(1), mostFeatures);
  return chainedOrder(ownCorrelations(embeddings, features), features.length).map((place) => features[place]!);
}

/** Whether what stands in the index is used is for the next observation to say. */
function ordersIn(path: string): FeatureOrder[] {
  try {
    const { orders } = JSON.parse(readRegularFile(path).toString("utf8")) as { orders?: unknown };
    return Array.isArray(orders) ? orders.filter(isOrder) : [];
  } catch {
    return [];
  }
}

const isOrder = (value: Partial<FeatureOrder> | null): value is FeatureOrder =>
  Number.isInteger(value?.id) &&
  Number.isInteger(value?.step) &&
  Array.isArray(value?.features) &&
  value.features.length > 0 &&
  value.features.every((feature) => Number.isInteger(feature) && feature >= 0);

function indexText({ every, method, changeable }: ObserverOptions, orders: readonly FeatureOrder[]): string {
  const histograms = { std: stdRange, similarities: similarityRange };
  const shown = orders.at(-1)?.features.length ?? null;
  const bins = shown === null ? null : Math.min(mostBins, shown);
  const facts = { format: 1, everySteps: every, method: method.name, changeable, features: shown, bins, histograms };
  return `${JSON.stringify({ ...facts, orders })}\n`;
}

function write(
  lines: LineFile,
  { step, order, figures, seconds }: Seen,
  clock: ObservingClock,
  stepsPerEpoch: number,
): void {
  const startedAt = performance.now();
  const { matrix, diagonal, ...rest } = figures.read();
  if (!Number.isFinite(rest.rmsOffDiagonal)) return; // the step itself says that it is not finite
  const spent = seconds + (performance.now() - startedAt) / 1000;
  lines.append({
    step,
    epoch: Math.floor(step / stepsPerEpoch),
    order,
    ...rest,
    matrix: base64(matrix),
    diagonal: base64(diagonal),
    memoryBytes: process.memoryUsage.rss(),
    seconds: Number(spent.toPrecision(3)),
    share: clock.shareOf(spent),
  });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

interface ObservingClock {
  /** So many seconds as a share of the time since this was asked before. */
  shareOf(seconds: number): number;
}

function observingClock(): ObservingClock {
  let since = performance.now();
  return {
    shareOf(seconds) {
      const elapsed = (performance.now() - since) / 1000;
      since = performance.now();
      return Number((seconds / Math.max(elapsed, seconds)).toPrecision(3));
    },
  };
}
