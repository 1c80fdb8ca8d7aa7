import { join } from "node:path";
import { describeLeftOut, sampleNames } from "../../../data/index.ts";
import { displayName } from "../../../errors.ts";
import { writeFileDurably } from "../../../files.ts";
import { freeNetwork, freeOptimizer } from "../../../nn/index.ts";
import { duration, type Report, reportPage, verdict } from "../../../report/index.ts";
import {
  buildState,
  type Checkpoint,
  type LogEvent,
  loadNewestCheckpoint,
  methodOf,
  type RunFile,
  readLog,
  readRun,
  restore,
  type TrainState,
} from "../../../train/index.ts";
import { nextCommands, runFacts } from "./facts.ts";
import { matrixFigures, neighbourRows, startMatrix, viewTiles } from "./figures.ts";
import { type Measured, type MeasuredData, measure, openMeasured, scoresOf } from "./scores.ts";

/** `selfsight report RUN`: measures the run, prints the table and writes report.html. */
export async function reportRun(folder: string, { json }: { json?: true | undefined }): Promise<void> {
  const startedAt = performance.now();
  const say = json ? () => {} : (line: string) => console.log(line);
  const report = await gatherReport(folder, say);
  const path = join(folder, "report.html");
  writeFileDurably(path, reportPage(report));
  const seconds = (performance.now() - startedAt) / 1000;
  if (json)
    console.log(JSON.stringify({ report: path, scores: report.scores, leftOut: report.leftOut, seconds }, null, 2));
  else sayEnd(report, path, seconds);
}

function sayEnd({ scores, leftOut, commands }: Report, path: string, seconds: number): void {
  if (leftOut.length > 0) console.log(`\n${describeLeftOut(leftOut)}`);
  console.log(scores ? `\n${verdict(scores)}` : "\nthe pictures have no labels: a report without accuracies");
  console.log(`\nmeasured and drawn in ${duration(seconds)}; look at ${displayName(path)}`);
  for (const [purpose, command] of commands) console.log(`  ${purpose.toLowerCase().replace(/\.$/, "")}: ${command}`);
}

/** Everything that the page shows. One network serves: as it began, and then with what it learned. */
async function gatherReport(folder: string, say: (line: string) => void): Promise<Report> {
  const run = readRun(folder);
  const data = await openMeasured(run);
  const state = buildState(run.settings, data.train);
  try {
    const pixels = await measure("pixels", data, state, say);
    const untrained = await measure("untrained network", data, state, say);
    const start = await startMatrix(state, data.train);
    const checkpoint = loadNewestCheckpoint(folder, (message) => console.error(`warning: ${message}`));
    restore(state, checkpoint);
    const trained = await measure("trained network", data, state, say);
    const correlation = start && (await matrixFigures(start, state, data.train));
    return {
      ...factsOf(folder, run, state),
      leftOut: leftOutOf(data, checkpoint, trained),
      scores: scoresOf(data, pixels, untrained, trained),
      ...(correlation && { correlation }),
      views: await viewTiles(state, data.train),
      neighbours: await neighbourRows(data, pixels, trained, run.settings.seed),
    };
  } finally {
    freeOptimizer(state.optimizer);
    freeNetwork(state.network);
  }
}

/** What training left out, and measuring; a list of other pictures than these says nothing. */
function leftOutOf({ train }: MeasuredData, { state }: Checkpoint, { bank, queries }: Measured): string[] {
  const trained = state.fingerprint === train.fingerprint ? sampleNames(train, state.quarantine) : [];
  const measured = [...bank.badFiles, ...queries.badFiles].map(({ name }) => name);
  return [...new Set([...trained, ...measured])];
}

type Figures = "leftOut" | "scores" | "correlation" | "views" | "neighbours";

function factsOf(folder: string, run: RunFile, state: TrainState): Omit<Report, Figures> {
  const events = readLog(folder);
  const ends = events.filter((event) => event.event === "end");
  const lambda = (run.settings as { lambda?: number }).lambda;
  return {
    folder,
    dataset: displayName(run.data.split("/").at(-1)!),
    images: run.images,
    method: methodOf(run.settings).title,
    usesLabels: methodOf(run.settings).needsLabels === true,
    isComplete: state.step >= state.totalSteps,
    trainingSeconds: ends.reduce((sum, { seconds }) => sum + seconds, 0),
    steps: events.filter(isStep),
    online: events.filter((event) => event.event === "evaluation"),
    ...(lambda !== undefined && { lambda }),
    facts: runFacts(run, state, events),
    commands: nextCommands(folder, run, state),
  };
}

const isStep = (event: LogEvent): event is Extract<LogEvent, { event: "step" }> => event.event === "step";
