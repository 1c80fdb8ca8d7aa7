// One process of several that train a detector together, or the only one: node detector-member.ts JOBS OUT. Each writes what it came to
// to OUT-RANK.json.
import { writeFileSync } from "node:fs";
import { openDetectionSet } from "../src/data/annotations/index.ts";
import { joinTeam, launchFrom, type Team } from "../src/distributed/index.ts";
import { namedParameters, stateOf } from "../src/nn/index.ts";
import { noGrad, rowsOfRank } from "../src/torch/index.ts";
import { type PictureBatch, PictureReader } from "../src/work/detection/batches.ts";
import type { DetectionProtocolOptions, DetectionReport } from "../src/work/detection/evaluate.ts";
import { PreciseNorm } from "../src/work/detection/precise-norm.ts";
import type { DetectorFile } from "../src/work/detection/run-file.ts";
import { type PartialDetectionSettings, resolveDetection } from "../src/work/detection/settings.ts";
import { buildState, type DetectorState, freeState } from "../src/work/detection/state.ts";
import { learnable, streamsOf, trainDetector } from "../src/work/detection/step.ts";
import { sharedBatches } from "../src/work/detection/together/batches.ts";
import { withSteps } from "../src/work/detection/together/processes.ts";
import { evaluate } from "../src/work/evaluate.ts";

/** One step on chosen pictures. */
export interface StepJob {
  kind: "step";
  name: string;
  task: DetectorFile["task"];
  data: string;
  /** Places of the batch's pictures. */
  places: number[];
  settings: PartialDetectionSettings;
  /** Moves every proposal out of its picture, so that what is learned of boxes is true boxes alone. */
  hasNoProposals?: boolean;
}

/** A whole protocol. */
export interface RunJob {
  kind: "run";
  name: string;
  task: DetectorFile["task"];
  source: string;
  data: string;
  options: DetectionProtocolOptions & { split?: "train" | "test"; precision?: "fp32" };
  /** This process is asked to stop when it is asked for the so-manieth time whether it was. */
  stop?: { rank: number; at: number };
}

export interface StepOutcome {
  losses: Record<string, number>;
  gradient: number[];
  /** How far each weight went. */
  moves: number[];
  statistics: number[];
  /** Running statistics taken anew before it, over this batch and its pictures in the opposite order. */
  precise: number[];
}

export interface RunOutcome {
  report?: DetectionReport;
  error?: { kind: string; message: string };
  warnings: string[];
  progress: number[];
  wishes: number;
}

const usual: PartialDetectionSettings = {
  learningRate: 0.05,
  warmupSteps: 0,
  drops: [],
  shortSides: [32, 40],
  longSide: 64,
  anchorSizes: [20],
  sampledAnchors: 24,
  sampledBoxes: 12,
  proposals: { training: [60, 20], testing: [60, 20] },
};

async function stepOutcome(job: StepJob, team: Team | undefined): Promise<StepOutcome> {
  const set = await openDetectionSet(job.data, { split: "all" });
  const settings = resolveDetection("small", { ...usual, batchSize: job.places.length, ...job.settings });
  const file = { task: job.task, settings, trunk, classes: ["square"], precision: "fp32" } as unknown as DetectorFile;
  const state = buildState(file, "cpu");
  if (job.hasNoProposals) noGrad(() => state.network.rpn.bbox_pred.bias!.fill_(1000));
  const reader = new PictureReader(set, 40, () => {});
  const batchOf = async (places: readonly number[]): Promise<PictureBatch> => {
    const { start, end } = rowsOfRank(places.length, team ?? { rank: 0, size: 1 });
    const read = async (image: number) => ({ image, epoch: 0, raw: (await reader.read(image))! });
    return { step: 0, epoch: 0, pictures: await Promise.all(places.slice(start, end).map(read)) };
  };
  const batches = [await batchOf(job.places), await batchOf(job.places.toReversed())];
  const own = team ? await sharedAll(batches, { team, file, set, reader }) : batches;
  try {
    const norm = new PreciseNorm(state.network);
    for (const batch of own)
      norm.add(() => {
        const { images, truths } = learnable(state, set, batch);
        state.network.losses(images, truths, streamsOf(state, batch));
      });
    norm.settle();
    const precise = statisticsOf(state);
    const gradient: number[] = [];
    collect(state, gradient);
    const from = weightsOf(state);
    const losses = trainDetector(state, set, own[0]!);
    const moves = weightsOf(state).map((value, i) => value - from[i]!);
    return { losses, gradient, moves, statistics: statisticsOf(state), precise };
  } finally {
    freeState(state);
  }
}

const trunk = {
  source: "untrained",
  backbone: "resnet18",
  stem: "small-stride-2",
  width: 4,
  normalize: { mean: [0.4, 0.4, 0.4], std: [0.2, 0.2, 0.2] },
};

type Reading = Pick<Parameters<typeof sharedBatches>[1], "team" | "file" | "set" | "reader">;

async function sharedAll(batches: readonly PictureBatch[], reading: Reading): Promise<PictureBatch[]> {
  const rest = { bad: { found: [], told: new Set<number>() }, onBadFile: () => {}, isStopping: () => false };
  const given = (async function* () {
    yield* batches;
  })();
  const all: PictureBatch[] = [];
  for await (const batch of sharedBatches(given, { ...reading, ...rest })) all.push(batch);
  return all;
}

/** Takes every gradient down when the step has it. */
function collect(state: DetectorState, gradient: number[]): void {
  const { optimizer } = state;
  state.optimizer = {
    ...optimizer,
    step(...given) {
      for (const { grad } of namedParameters(state.network).values())
        gradient.push(...(grad!.contiguous().data() as Float32Array));
      optimizer.step(...given);
    },
  };
}

const weightsOf = ({ network }: DetectorState): number[] =>
  [...namedParameters(network).values()].flatMap((own) => [...own.contiguous().float32()]);

const statisticsOf = ({ network }: DetectorState): number[] =>
  [...stateOf(network)].flatMap(([name, own]) => (name.includes("running_") ? [...own.float32()] : []));

async function runOutcome({ task, source, data, options, stop }: RunJob, team?: Team): Promise<RunOutcome> {
  const [warnings, progress]: [string[], number[]] = [[], []];
  let [asked, wishes] = [0, 0];
  const isStopping = () => ++asked >= (stop?.at ?? Number.POSITIVE_INFINITY) && stop?.rank === (team?.rank ?? 0);
  const sharing = team && { team, isStopping, onWish: () => void wishes++ };
  try {
    const report = await evaluate(source, task, data, {
      ...options,
      ...(sharing && { sharing }),
      warn: (message) => warnings.push(message),
      onProgress: (done) => progress.push(done),
    });
    return { report, warnings, progress, wishes };
  } catch (error) {
    const { kind, message } = error as { kind: string; message: string };
    return { error: { kind, message }, warnings, progress, wishes };
  }
}

const [jobsText, out] = process.argv.slice(2) as [string, string];
const launch = launchFrom(process.env);
const team = launch && joinTeam(launch, 60, { trainsTogether: false });
const outcomes: Record<string, StepOutcome | RunOutcome> = {};
for (const job of JSON.parse(jobsText) as (StepJob | RunJob)[])
  outcomes[job.name] =
    job.kind === "run" ? await runOutcome(job, team) : await withSteps(team, () => stepOutcome(job, team));
writeFileSync(`${out}-${team?.rank ?? 0}.json`, JSON.stringify(outcomes));
team?.sum(0);
team?.leave();
