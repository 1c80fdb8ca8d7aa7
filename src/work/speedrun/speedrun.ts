// The shortest time to a stated accuracy: a run like any other, watched by a clock and ended by it. docs/speedrun.md has the rules.
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { type RecipeName, recipes } from "../../recipes/index.ts";
import { engine, gpuFacts } from "../../torch/index.ts";
import {
  freeFolder,
  type PartialSettings,
  type PreparedRun,
  type RunSettings,
  resolveSettings,
  type Settings,
  startRun,
  type TrainResult,
} from "../../train/index.ts";
import { version } from "../../version.ts";
import { evaluate } from "../evaluate.ts";
import { given } from "../evaluation/given.ts";
import { named, type RunOptions, refuseTwoLengths, trainRun, warningOf } from "../pretrain.ts";
import { type SpeedrunClock, speedrunClock } from "./clock.ts";
import {
  reportOf,
  type SpeedrunHardware,
  type SpeedrunOutcome,
  type SpeedrunReport,
  type SpeedrunResult,
  type SpeedrunTest,
} from "./result.ts";
import { writeReport, writeResult } from "./write.ts";

export interface SpeedrunOptions extends RunOptions {
  /** kNN accuracy on held-out pictures, per cent. Default 80 on cifar10, 40 on shapes. */
  target?: number | undefined;
  /** The run's folder, of several seeds the one above their runs. Default: the first of runs/speedrun-DATA, runs/speedrun-DATA-2, ... that is free. */
  out?: string | undefined;
  /** How many runs, with the seed of the settings and those that follow it. Default 1. */
  seeds?: number | undefined;
  /** Training and measuring end after so long without the target. Default twice the goal of the recipe. */
  limitMinutes?: number | undefined;
  /** What run.json says began it. */
  command?: string | undefined;
  /** The reading of `performance.now()` from which all is counted; 0 is the start of the process. Default: the call. */
  startedAt?: number | undefined;
}

interface Course {
  /** Highest target that the recipe is for, per cent. */
  upTo: number;
  recipe: RecipeName;
  limitMinutes: number;
}

/** Pictures that a speedrun is defined for. */
export type SpeedrunData = "cifar10" | "shapes";

const courses: Record<SpeedrunData, { usualTarget: number; courses: readonly Course[] }> = {
  cifar10: {
    usualTarget: 80,
    courses: [
      { upTo: 80, recipe: "cifar10-speedrun-80", limitMinutes: 10 },
      { upTo: 100, recipe: "cifar10-speedrun-90", limitMinutes: 60 },
    ],
  },
  shapes: { usualTarget: 40, courses: [{ upTo: 100, recipe: "shapes-speedrun", limitMinutes: 10 }] },
};
const speedrunData = Object.keys(courses);

/**
 * Trains by the recipe for a target until kNN on held-out training pictures reaches it, then measures once on the test pictures: weighted
 * kNN, k = 200, T = 0.1, all training pictures as bank. It writes speedrun.json and speedrun.md into the run's folder. `settings` change
 * the recipe. A run that is stopped is saved like any other, and `resume` goes on with it, without its clock.
 *
 * @throws SelfsightError "configuration" (other data, no held-out pictures, wrong settings), "data", "storage", "numerics".
 */
export async function speedrun(
  data: SpeedrunData,
  settings: RunSettings = {},
  options: SpeedrunOptions = {},
): Promise<SpeedrunReport> {
  refuseTwoLengths(settings);
  return speedrunOf(data, [named(settings)], options);
}

/** The same with settings as layers, later ones winning. */
export async function speedrunOf(
  data: string,
  layers: readonly PartialSettings[],
  options: SpeedrunOptions = {},
): Promise<SpeedrunReport> {
  const course = courseFor(data, options);
  const settings = resolveSettings(recipes[course.recipe], ...layers);
  refuseUnmeasured(settings);
  const { seeds = 1 } = options;
  const folder = options.out ?? freeFolder(join("runs", `speedrun-${data}`));
  const results: SpeedrunResult[] = [];
  for (let place = 0; place < seeds; place++) {
    const out = seeds === 1 ? folder : join(folder, `seed-${settings.seed + place}`);
    const began = place === 0 ? (options.startedAt ?? performance.now()) : performance.now();
    const own = [recipes[course.recipe], ...layers, { seed: settings.seed + place }];
    results.push(await timed({ ...course, data, layers: own, out, began, options }));
    if (results.at(-1)!.outcome === "stopped") break;
  }
  const report = reportOf(folder, results);
  if (seeds > 1) writeReport(report);
  return report;
}

interface Attempt extends Omit<Course, "upTo"> {
  data: string;
  target: number;
  layers: readonly PartialSettings[];
  out: string;
  /** A reading of the clock. */
  began: number;
  options: SpeedrunOptions;
}

function courseFor(data: string, { target: asked, limitMinutes }: SpeedrunOptions) {
  const known = Object.hasOwn(courses, data) ? courses[data as SpeedrunData] : refuseData(data);
  const target = asked ?? known.usualTarget;
  if (!(target > 0 && target < 100)) throw refusal(`target ${target}`, "a percentage between 0 and 100 is needed");
  if (limitMinutes !== undefined && !(limitMinutes > 0))
    throw refusal(`limitMinutes ${limitMinutes}`, "a number above 0 is needed");
  const course = known.courses.find(({ upTo }) => target <= upTo)!;
  return { recipe: course.recipe, limitMinutes: limitMinutes ?? course.limitMinutes, target };
}

const refusal = (found: string, needed: string, advice = "change it, or leave it out") =>
  new SelfsightError("configuration", `speedrun: ${found}; ${needed}; ${advice}`);

function refuseData(data: string): never {
  const guess = didYouMean(data, speedrunData);
  throw refusal(
    displayName(data),
    `a speedrun is defined for ${speedrunData.join(" and ")}`,
    `choose one; other pictures are trained by pretrain.${guess}`,
  );
}

/** Without a look at held-out pictures the clock would never stop. */
function refuseUnmeasured({ holdOut, knnEveryEpochs }: Settings): void {
  const found = holdOut === 0 ? "holdOut 0" : knnEveryEpochs === 0 ? "knnEveryEpochs 0" : undefined;
  if (found) throw refusal(found, "the target is measured on pictures that are held out, at the end of epochs");
}

/** One run from its folder to its result. */
async function timed(attempt: Attempt): Promise<SpeedrunResult> {
  const { data, layers, out, options, target, limitMinutes } = attempt;
  const decided = new AbortController();
  const clock = speedrunClock({
    target: target / 100,
    limitSeconds: 60 * limitMinutes,
    onDecided: () => decided.abort(),
  });
  const told = [decided.signal, ...(options.signal ? [options.signal] : [])];
  const command = options.command ?? "speedrun(), as a library";
  const begun = new Date().toISOString();
  const run = await startRun(data, layers, { out, command, warn: warningOf(options) });
  let fromStart = 0;
  const ended = await trainRun(run, {
    signal: AbortSignal.any(told),
    onEvent: (event) => {
      const wasDecided = decided.signal.aborted;
      clock.hear(event);
      if (!wasDecided) fromStart = (performance.now() - attempt.began) / 1000;
      options.onEvent?.(event);
    },
  });
  const result = resultOf({ attempt, run, clock, ended, command, begun, fromStart });
  const test = result.outcome === "stopped" ? null : await measuredOnTest(run, data, options);
  const whole = { ...result, test };
  writeResult(whole);
  return whole;
}

interface Ended {
  attempt: Attempt;
  run: PreparedRun;
  clock: SpeedrunClock;
  ended: TrainResult;
  command: string;
  begun: string;
  fromStart: number;
}

function resultOf({ attempt, run, clock, ended, command, begun, fromStart }: Ended): Omit<SpeedrunResult, "test"> {
  const { data, target, recipe, limitMinutes } = attempt;
  const { folder, settings, dataset, heldOut } = run;
  return {
    format: 1,
    ...{ data, target, outcome: outcomeOf(clock, ended), folder, recipe, seed: settings.seed, limitMinutes },
    ...{ command, began: begun },
    versions: { selfsight: version, node: process.version, libtorch: engine().builtFor },
    hardware: hardwareOf(clock),
    images: { trained: dataset.length, heldOut: heldOut?.length ?? 0 },
    seconds: { training: clock.trainingSeconds, withMeasuring: clock.wholeSeconds, fromStart },
    looks: clock.looks,
    settings,
  };
}

function outcomeOf({ isReached, isOver }: SpeedrunClock, { reason }: TrainResult): SpeedrunOutcome {
  if (isReached) return "reached";
  if (isOver) return "out of time";
  return reason === "complete" ? "out of steps" : "stopped";
}

const hardwareOf = ({ start }: SpeedrunClock): SpeedrunHardware => ({
  device: start!.device,
  precision: start!.precision,
  gpus: gpuFacts().devices.map(({ name }) => name),
  processor: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  threads: start!.threads,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
});

/** The protocol of tables: the only time that test pictures are opened. A run of fewer pictures is measured on as few. */
async function measuredOnTest(
  { folder, settings }: PreparedRun,
  data: string,
  options: SpeedrunOptions,
): Promise<SpeedrunTest> {
  const { device, limit } = settings;
  const asked = given({ device, limit: limit ?? undefined, warn: warningOf(options) });
  const { protocol, value, interval, data: pictures } = await evaluate(folder, "knn", data, asked);
  const { bankImages, queryImages } = pictures;
  return { protocol, value, interval, bankImages, queryImages };
}
