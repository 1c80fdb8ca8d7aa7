import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { storageError, writeWhole } from "../files.ts";

/** One line of log.jsonl. */
export type LogEvent =
  | ({ event: "start"; time: string; step: number } & RunFacts)
  | ({ event: "step" } & StepReport)
  | { event: "evaluation"; step: number; epoch: number; protocol: string; value: number }
  | { event: "checkpoint"; step: number; folder: string; seconds: number; bytes: number }
  | { event: "warning"; step: number; message: string }
  | { event: "end"; step: number; reason: "complete" | "stopped"; seconds: number };

/** Nothing silent: what the run really uses stands in its first line. */
export interface RunFacts {
  selfsight: string;
  libtorch: string;
  device: string;
  precision: "bf16" | "fp32";
  threads: number;
  peakLearningRate: Record<string, number>;
  learningRateRule: string;
  stepsPerEpoch: number;
  totalSteps: number;
  images: number;
  dataset: string;
  fingerprint: string;
  parameters: number;
}

/** Further numbers stand beside these under their own names: the parts of the loss, as the method calls them. */
export interface StepReport {
  step: number;
  epoch: number;
  loss: number;
  onDiagonal?: number;
  offDiagonal?: number;
  /** Of the collapse watch, in the steps in which it looks. */
  featureStd?: number;
  effectiveRank?: number;
  deadDimensions?: number;
  /** What the loss cannot fall below on a batch of this size, see the method. */
  floor: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Share of the time since the last report in which the training thread waited for pictures. */
  dataWaitShare: number;
}

export interface Log {
  write(event: LogEvent): void;
  close(): void;
}

export const logPath = (folder: string): string => join(folder, "log.jsonl");

/** Opens a run's log for appending; a line cut off by a crash is ended first, so that the next one stands alone. */
export function openLog(folder: string): Log {
  const path = logPath(folder);
  const isCut = existsSync(path) && readFileSync(path).at(-1) !== 0x0a && readFileSync(path).length > 0;
  try {
    const file = openSync(path, "a");
    if (isCut) writeWhole(file, Buffer.from("\n"));
    return {
      write: (event) => append(file, path, event),
      close: () => closeSync(file),
    };
  } catch (cause) {
    throw storageError("write", path, cause);
  }
}

function append(file: number, path: string, event: LogEvent): void {
  try {
    writeWhole(file, Buffer.from(`${JSON.stringify(event)}\n`));
  } catch (cause) {
    throw storageError("write", path, cause);
  }
}

/** The events of a log, in order; lines that are no JSON (cut off by a crash) are left out. */
export function readLog(folder: string): LogEvent[] {
  if (!existsSync(logPath(folder))) return [];
  return readFileSync(logPath(folder), "utf8").split("\n").flatMap(eventFrom);
}

function eventFrom(line: string): LogEvent[] {
  try {
    const event = JSON.parse(line) as unknown;
    return typeof event === "object" && event !== null && "event" in event ? [event as LogEvent] : [];
  } catch {
    return [];
  }
}
