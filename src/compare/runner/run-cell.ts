// One cell from start to end, in a process of its own: train (or go on), then measure. Every part that is done is kept.
import { existsSync } from "node:fs";
import { type Dataset, openDataset, warnOfSkipped } from "../../data/index.ts";
import { displayName, SelfsightError } from "../../errors.ts";
import type { Method } from "../../methods/index.ts";
import { engine } from "../../torch/index.ts";
import {
  type Checkpoint,
  checkpointNames,
  collapseWatch,
  createRunFolder,
  type LogEvent,
  loadNewestCheckpoint,
  methodOf,
  readLog,
  readRun,
  rulesOf,
  runPath,
  secondsPerStep,
  train,
  writeDataList,
} from "../../train/index.ts";
import { version } from "../../version.ts";
import { type CellTraining, readTraining, writeResult, writeTraining } from "./cell-files.ts";
import { type CellJob, evaluationsHash } from "./cells.ts";
import { correlationOfViews } from "./correlation.ts";
import { measure } from "./measure.ts";

export interface CellHooks {
  onEvent?: (event: LogEvent) => void;
  /** Asked after every step; true ends the cell after saving. */
  isStopping?: () => boolean;
}

/** Runs what is left of a cell; "stopped" when it was asked to stop. Errors: those of training and evaluation. */
export async function runCell(job: CellJob, hooks: CellHooks = {}): Promise<"done" | "stopped"> {
  if (!readTraining(job.folder)) {
    const training = await trained(job, hooks);
    if (!training) return "stopped";
    writeTraining(job.folder, training);
  }
  if (hooks.isStopping?.()) return "stopped";
  const evaluations = await measure(job, warningOf(hooks));
  writeResult(job.folder, {
    evaluationsHash: evaluationsHash(job, job.withCorrelation),
    ...evaluations,
    correlation: job.withCorrelation ? await correlationOfViews(job) : null,
  });
  return "done";
}

const warningOf =
  ({ onEvent }: CellHooks) =>
  (message: string) =>
    onEvent?.({ event: "warning", step: 0, message });

/** Undefined when it was asked to stop. */
async function trained(job: CellJob, hooks: CellHooks): Promise<CellTraining | undefined> {
  const { folder, settings } = job;
  const dataset = await trainingData(job);
  warnOfSkipped([dataset], warningOf(hooks));
  const checkpoint = existsSync(runPath(folder)) ? checkpointOfRun(folder, dataset) : newRun(job, dataset);
  const { reason, leftOut } = await train({ folder, settings, dataset, ...(checkpoint && { checkpoint }), ...hooks });
  return reason === "stopped" ? undefined : { ...trainingFacts(folder), leftOut };
}

async function trainingData({ data, settings }: Pick<CellJob, "data" | "settings">): Promise<Dataset> {
  const { limit, batchSize } = settings;
  const rules = rulesOf(settings);
  const dataset = await openDataset(data, { split: "train", rules, ...(limit !== null && { limit }) });
  if (dataset.length >= batchSize) return dataset;
  throw new SelfsightError(
    "data",
    `compare: ${displayName(dataset.name)} has ${dataset.length} images, a batch takes ${batchSize}; at least one whole batch is needed; set batchSize in the plan's base`,
  );
}

function newRun({ folder, settings, data }: CellJob, dataset: Dataset): undefined {
  createRunFolder(folder, {
    format: 1,
    settings,
    command: "selfsight compare",
    data,
    versions: { selfsight: version, node: process.version, libtorch: engine().builtFor },
    fingerprint: dataset.fingerprint,
    images: dataset.length,
    created: new Date().toISOString(),
  });
  writeDataList(folder, dataset);
}

/** Undefined for a run that ended before its first save. Errors: checkpoint, when the pictures have changed since. */
function checkpointOfRun(folder: string, dataset: Dataset): Checkpoint | undefined {
  if (readRun(folder).fingerprint !== dataset.fingerprint)
    throw new SelfsightError(
      "checkpoint",
      `compare: the pictures of ${displayName(dataset.name)} are not those that ${displayName(folder)} began with; one comparison needs one set of pictures; restore them, or choose another --out`,
    );
  return checkpointNames(folder).length > 0 ? loadNewestCheckpoint(folder, () => {}) : undefined;
}

/** Read from the log, so that a resumed run tells of all of itself. */
function trainingFacts(folder: string): Omit<CellTraining, "leftOut"> {
  const events = readLog(folder);
  const start = events.findLast((event) => event.event === "start");
  if (start?.event !== "start") throw new SelfsightError("bug", "compare: the run's log has no start");
  const steps = events.filter((event) => event.event === "step");
  const { stepsPerEpoch, images, dataset, fingerprint, parameters, device, precision, threads } = start;
  const { settings } = readRun(folder);
  return {
    steps: start.totalSteps,
    ...{ stepsPerEpoch, images, dataset, fingerprint, parameters, device, precision, threads },
    trainingSeconds: secondsOf(steps, settings.batchSize),
    imagesPerSecond: median(steps.map((step) => step.imagesPerSecond)),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024, // KiB
    ...healthOf(steps, methodOf(settings)),
  };
}

type StepEvent = Extract<LogEvent, { event: "step" }>;

/** The time of all steps, those of earlier processes too: each report gives the pace since the one before. */
const secondsOf = (steps: readonly StepEvent[], batchSize: number): number =>
  steps.reduce((sum, { step, imagesPerSecond }, i) => {
    const images = (step - (steps[i - 1]?.step ?? 0)) * batchSize;
    return sum + images / imagesPerSecond;
  }, 0);

function healthOf(steps: readonly StepEvent[], method: Method): Pick<CellTraining, "health" | "collapse"> {
  const watch = collapseWatch(method);
  const seen = steps.flatMap(({ step, featureStd, effectiveRank, deadDimensions, recognition }) =>
    featureStd === undefined
      ? []
      : [
          {
            step,
            featureStd,
            effectiveRank: effectiveRank!,
            deadDimensions: deadDimensions!,
            ...(recognition !== undefined && { recognition }),
          },
        ],
  );
  for (const { step, ...health } of seen) watch.observe(step, health);
  return { health: seen.at(-1) ?? null, collapse: watch.standing() ?? null };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** How many steps fit into so many minutes here, by the pace of the first few. At least 1. */
export async function stepsInTime(job: Pick<CellJob, "data" | "settings">, minutes: number): Promise<number> {
  const seconds = await secondsPerStep(job.settings, await trainingData(job));
  return Math.max(1, Math.floor((60 * minutes) / seconds));
}
