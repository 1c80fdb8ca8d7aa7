import { closeSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openRegular, readRegularFile, storageError, writeWhole } from "../../files.ts";
import type { Change } from "../settings/setting-tree.ts";
import type { StepShares } from "../step-parts.ts";

/** One line of log.jsonl. */
export type LogEvent =
  | ({ event: "start"; time: string; step: number } & RunFacts)
  | ({ event: "step" } & StepReport)
  /** `seconds`: how long the run stood still to measure, all that was found at this step together. Logs of older versions lack it. */
  | { event: "evaluation"; step: number; epoch: number; protocol: string; value: number; seconds?: number }
  | { event: "checkpoint"; step: number; folder: string; seconds: number; bytes: number }
  /** From this step on the run has another length; the rates are those of the next step by the new schedule and by the old one. */
  | { event: "extension"; step: number; fromSteps: number; toSteps: number; learningRate: number; rateBefore: number }
  | ActEvent
  | { event: "warning"; step: number; message: string; alarm?: Alarm }
  | { event: "end"; step: number; reason: "complete" | "stopped"; seconds: number };

/** Something that a person asked of the run while it trained. Of a `set`, the step after `step` is the first that is taken with it. */
export interface ActEvent {
  event: "act";
  step: number;
  time: string;
  act: "set" | "save" | "stop" | "reorder" | "refused";
  /** The id of the request. */
  request: string;
  /** The user whose request it was. */
  who: string;
  /** What it was made with: page, command, library, or replay. */
  via: string;
  /** Of a `set`: dotted keys with the value before and the value from then on. */
  changes?: Change[];
  /** Of what was refused: what was asked for, where that could be read, and why not. */
  asked?: string;
  reason?: string;
}

/** What a warning rests on, where a person should act. */
export interface Alarm {
  kind: "collapse" | "data wait" | "not finite" | "stagnation";
  /** Figures by their names; null: not finite. */
  evidence: Record<string, number | null>;
  /** What another run may do better from here on. */
  proposal?: Proposal;
}

/** Settings for a fork. */
export interface Proposal {
  /** Dotted keys and values, as `--set` takes them. */
  settings: Record<string, unknown>;
  /** The step to fork from; null: the newest checkpoint. */
  from: number | null;
  why: string;
}

/** Nothing silent: what the run really uses stands in its first line. */
export interface RunFacts {
  selfsight: string;
  libtorch: string;
  device: string;
  precision: "bf16" | "fp32";
  /** Bytes of the pictures that lie on the device for the whole run; absent where they do not. */
  residentBytes?: number;
  /** Over how many images the trunk's batch norm takes its statistics. */
  batchNormImages: number;
  /** Of each process. */
  threads: number;
  /** How many train as one; absent where there is one. */
  processes?: number;
  peakLearningRate: Record<string, number>;
  learningRateRule: string;
  warmupSteps: number;
  /** Why the warm-up is shorter than warmupEpochs; empty where it is not. */
  warmupRule: string;
  stepsPerEpoch: number;
  totalSteps: number;
  images: number;
  dataset: string;
  /** What the parts of a divided folder are for; empty where it is not divided. Logs of older versions lack it. */
  division?: string;
  fingerprint: string;
  parameters: number;
}

/** Parts of the loss, as the method calls them; one of a program's own logs them under its own names. */
export interface LossParts {
  /** Barlow Twins. */
  onDiagonal?: number;
  offDiagonal?: number;
  /** The same, of views that are mixed. */
  mixed?: number;
  /** VICReg. */
  invariance?: number;
  variance?: number;
  covariance?: number;
  /** SimCLR, MoCo v2: share of views that are nearest to their own picture's other view. */
  contrastiveAccuracy?: number;
  /** Supervised. */
  accuracy?: number;
  /** Detection: of the proposals, of the boxes behind them, of their masks. */
  objectness?: number;
  proposalBox?: number;
  class?: number;
  box?: number;
  mask?: number;
}

export interface StepReport extends LossParts {
  step: number;
  epoch: number;
  loss: number;
  /** Of the collapse watch, in the steps in which it looks. */
  featureStd?: number;
  effectiveRank?: number;
  deadDimensions?: number;
  /** How well two views of a picture find each other by the trunk's features: 0.5 is chance. */
  recognition?: number;
  /** What the loss cannot fall below on a batch of this size, see the method. */
  floor: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Share of the time since the last report in which the training thread waited for pictures. */
  dataWaitShare: number;
  /** Shares of the same time in which it was in the parts of a step; on a processor alone, as a GPU computes behind the calls. */
  stepShares?: StepShares;
}

export interface Log {
  /** Never throws: a run does not end because its log cannot be written. Lost lines are counted and said when there is room again. */
  write(event: LogEvent): void;
  close(): void;
}

export const logPath = (folder: string): string => join(folder, "log.jsonl");

/**
 * Opens a run's log for appending; a line cut off by a crash is ended first, so that the next one stands alone.
 * `onProblem` is told of the first of each row of lines that cannot be written. Errors: storage, when it cannot be opened.
 */
export function openLog(folder: string, onProblem: (message: string) => void = () => {}): Log {
  const path = logPath(folder);
  const file = openForAppending(path);
  const writer = { file, path, isCut: endsInTheMiddle(file), lost: 0, onProblem };
  return { write: (event) => writeEvent(writer, event), close: () => closeSync(file) };
}

/** The log of a process that another one speaks for. */
export const silentLog: Log = { write: () => {}, close: () => {} };

interface Writer {
  readonly file: number;
  readonly path: string;
  readonly onProblem: (message: string) => void;
  /** Whether the file may end in the middle of a line. */
  isCut: boolean;
  /** Lines in a row that could not be written. */
  lost: number;
}

function openForAppending(path: string): number {
  try {
    return openRegular(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT);
  } catch (cause) {
    throw storageError("write", path, cause);
  }
}

function endsInTheMiddle(file: number): boolean {
  const text = readFileSync(file);
  return text.length > 0 && text.at(-1) !== 0x0a;
}

function writeEvent(writer: Writer, event: LogEvent): void {
  const { lost } = writer;
  const lines = lost > 0 ? [lossOf(lost, event), event] : [event];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  try {
    writeWhole(writer.file, Buffer.from(writer.isCut ? `\n${text}` : text));
    writer.isCut = false;
    writer.lost = 0;
  } catch (cause) {
    writer.isCut = true;
    writer.lost += 1;
    if (lost === 0) writer.onProblem(storageError("write", writer.path, cause).message);
  }
}

const lossOf = (lost: number, { step }: LogEvent): LogEvent => ({
  event: "warning",
  step,
  message: `${lost} lines of this log could not be written`,
});

/** The events of a log, in order; lines that are no JSON (cut off by a crash) are left out, and so is what a resume did again. Errors: storage. */
export function readLog(folder: string): LogEvent[] {
  const path = logPath(folder);
  if (!existsSync(path)) return [];
  try {
    return withoutRepeats(readRegularFile(path).toString("utf8").split("\n").flatMap(eventFrom));
  } catch (cause) {
    throw storageError("read", path, cause);
  }
}

/**
 * A killed run has often logged steps behind its last checkpoint; the log keeps them, and the resumed run logs them again.
 * What was logged of steps after the one at which a later `start` goes on is void and left out here.
 */
export function withoutRepeats(events: readonly LogEvent[]): LogEvent[] {
  const standing: LogEvent[] = [];
  for (const event of events) {
    if (event.event === "start") while ((standing.at(-1)?.step ?? 0) > event.step) standing.pop();
    standing.push(event);
  }
  return standing;
}

/** The event of a line of a log; none for what is no line of ours. */
export function eventFrom(line: string): LogEvent[] {
  try {
    const event = JSON.parse(line) as { event?: unknown; step?: unknown } | null;
    return typeof event?.event === "string" && typeof event.step === "number" ? [event as LogEvent] : [];
  } catch {
    return [];
  }
}
