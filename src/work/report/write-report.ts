// A run's page: what it is worth, how it learned, what it finds alike.
import { join } from "node:path";
import { sampleNames, warnOfSkipped } from "../../data/index.ts";
import { displayName } from "../../errors.ts";
import { writeFileDurably } from "../../files.ts";
import { type Report, reportPage, type Score } from "../../report/index.ts";
import {
  buildState,
  type Checkpoint,
  freeState,
  type LogEvent,
  loadNewestCheckpoint,
  methodOf,
  type RunFile,
  readLog,
  readRun,
  restore,
  type TrainState,
} from "../../train/index.ts";
import { readEvaluations } from "../evaluations/kept.ts";
import { evaluationsOf } from "../evaluations/report-section.ts";
import { warnThroughNode } from "../warnings.ts";
import { nextCommands, runFacts } from "./facts.ts";
import { matrixFigures, neighbourRows, startMatrix, viewTiles } from "./figures.ts";
import { matrixMoments } from "./moments.ts";
import { pictureMap } from "./picture-map.ts";
import { type Columns, type Measured, type MeasuredData, measure, openMeasured, scoreOf, scoresOf } from "./scores.ts";

export interface ReportOptions {
  /** Told of each row of the table when it is known: pixels, untrained network, trained network. */
  onRow?: ((row: Score, columns: Columns) => void) | undefined;
  /** Told what of the folder is not read, and where an older checkpoint is read because the newest is damaged. Default: Node's warnings. */
  warn?: ((message: string) => void) | undefined;
}

/** A page that was written, and what stands on it. */
export interface WrittenReport extends Pick<Report, "scores" | "leftOut" | "remarks" | "commands"> {
  path: string;
}

/**
 * Measures a run beside the pixels and its own untrained network, and writes `report.html` into its folder: one file that needs
 * nothing else.
 *
 * @throws SelfsightError "checkpoint" where there is no run or it is damaged, "data" where its pictures are gone, "storage".
 */
export async function writeReport(folder: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const report = await gatherReport(folder, options);
  const path = join(folder, "report.html");
  writeFileDurably(path, reportPage(report));
  const { scores, leftOut, remarks, commands } = report;
  return { path, scores, leftOut, remarks, commands };
}

/** Everything that the page shows. One network serves: as it began, and then with what it learned. */
async function gatherReport(folder: string, { onRow, warn = warnThroughNode }: ReportOptions): Promise<Report> {
  const run = readRun(folder);
  const data = await openMeasured(run);
  warnOfSkipped([data.train, data.test], warn);
  if (data.note !== undefined) warn(data.note);
  const state = buildState(run.settings, data.train);
  const rowOf = async (name: Measured["name"]) => {
    const row = await measure(name, data, state);
    const score = scoreOf(data, row);
    if (score) onRow?.(...score);
    return row;
  };
  try {
    const pixels = await rowOf("pixels");
    const untrained = await rowOf("untrained network");
    const start = await startMatrix(state, data.train);
    const checkpoint = loadNewestCheckpoint(folder, warn);
    restore(state, checkpoint);
    const trained = await rowOf("trained network");
    const correlation = start && (await matrixFigures(start, state, data.train));
    const evaluations = readEvaluations(folder);
    const map = pictureMap(folder);
    return {
      ...factsOf(folder, run, state),
      ...(evaluations && { evaluated: evaluationsOf(folder, evaluations) }),
      leftOut: leftOutOf(data, checkpoint, trained),
      remarks: [...new Set([...trained.bank.remarks, ...trained.queries.remarks])],
      scores: scoresOf(data, pixels, untrained, trained),
      ...(correlation && { correlation }),
      moments: await matrixMoments(folder),
      ...(map && { map }),
      views: await viewTiles(state, data.train),
      neighbours: await neighbourRows(data, pixels, trained, run.settings.seed),
    };
  } finally {
    freeState(state);
  }
}

/** What training left out, and measuring; a list of other pictures than these says nothing. */
function leftOutOf({ train }: MeasuredData, { state }: Checkpoint, { bank, queries }: Measured): string[] {
  const trained = state.fingerprint === train.fingerprint ? sampleNames(train, state.quarantine) : [];
  const measured = [...bank.badFiles, ...queries.badFiles].map(({ name }) => name);
  return [...new Set([...trained, ...measured])];
}

type Figures =
  | "evaluated"
  | "leftOut"
  | "remarks"
  | "scores"
  | "correlation"
  | "moments"
  | "map"
  | "views"
  | "neighbours";

function factsOf(folder: string, run: RunFile, state: TrainState): Omit<Report, Figures> {
  const events = readLog(folder);
  const online = events.filter((event) => event.event === "evaluation");
  const ends = events.filter((event) => event.event === "end");
  const lambda = run.settings.lambda;
  return {
    folder,
    dataset: displayName(run.data.split("/").at(-1)!),
    images: run.images,
    method: methodOf(run.settings).title,
    usesLabels: methodOf(run.settings).needsLabels === true,
    isComplete: state.step >= state.totalSteps,
    trainingSeconds: ends.reduce((sum, { seconds }) => sum + seconds, 0),
    steps: events.filter(isStep),
    online: online.filter(({ protocol }) => protocol.includes("knn")),
    onlineLinear: online.filter(({ protocol }) => protocol.includes("linear")),
    ...(lambda !== undefined && { lambda }),
    facts: runFacts(run, state, events),
    commands: nextCommands(folder, run, state),
  };
}

const isStep = (event: LogEvent): event is Extract<LogEvent, { event: "step" }> => event.event === "step";
