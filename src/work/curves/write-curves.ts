// A run's log for other programs: as a table in CSV, and as TensorBoard's events, afterwards or while it trains.
import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { makeFolder, storageError, writeFileDurably, writeWhole } from "../../files.ts";
import { type LogEvent, readLog, readRun } from "../../train/index.ts";
import { type CurvePoint, curvePoints } from "./points.ts";
import { fileHeader, scalarRecord } from "./tensorboard.ts";

export interface CurveFiles {
  /** A file in CSV: a row a step, a column a number. */
  csv?: string | undefined;
  /** A folder for TensorBoard. */
  tensorboard?: string | undefined;
}

/**
 * Writes what a run has logged.
 *
 * @throws SelfsightError "checkpoint" where there is no run, "storage".
 */
export function writeCurves(folder: string, { csv, tensorboard }: CurveFiles): { points: number; files: string[] } {
  const points = pointsOf(folder);
  const files: string[] = [];
  if (csv !== undefined) {
    makeFolder(dirname(csv));
    writeFileDurably(csv, csvOf(points));
    files.push(csv);
  }
  if (tensorboard !== undefined) {
    const path = eventFile(tensorboard, points[0]?.seconds ?? 0);
    makeFolder(tensorboard);
    writeFileDurably(path, [fileHeader(points[0]?.seconds ?? 0), ...points.map(scalarRecord)]);
    files.push(path);
  }
  return { points: points.length, files };
}

function pointsOf(folder: string): CurvePoint[] {
  const pointOf = curvePoints(readRun(folder).settings.batchSize);
  return readLog(folder).flatMap((event) => pointOf(event) ?? []);
}

/** As TensorBoard looks for them; the numbers keep two files of one host apart. */
const eventFile = (folder: string, seconds: number): string =>
  join(folder, `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}`);

/** Steps that are logged twice, as by a resumed run, stay two rows. */
function csvOf(points: readonly CurvePoint[]): string {
  const names = [...new Set(points.flatMap(({ values }) => Object.keys(values)))];
  const rows = points.map(({ step, values }) => [step, ...names.map((name) => values[name] ?? "")].join(","));
  return [["step", ...names.map(quoted)].join(","), ...rows, ""].join("\r\n");
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export interface LiveCurves {
  /** Never throws: a run does not end because a curve cannot be drawn. */
  write(event: LogEvent): void;
  close(): void;
}

/** TensorBoard's events of a run while it trains. `onProblem` is told of the first that cannot be written; no more are tried then. */
export function liveTensorboard(folder: string, batchSize: number, onProblem: (message: string) => void): LiveCurves {
  const pointOf = curvePoints(batchSize);
  let file: number | undefined;
  let isBroken = false;
  const append = (bytes: Uint8Array) => {
    file ??= begun(folder);
    writeWhole(file, bytes);
  };
  return {
    write(event) {
      const point = pointOf(event);
      if (!point || isBroken) return;
      try {
        append(scalarRecord({ ...point, seconds: Date.now() / 1000 }));
      } catch (cause) {
        isBroken = true;
        onProblem(`${storageError("write", folder, cause).message}; the run goes on without TensorBoard's events`);
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
    },
  };
}

function begun(folder: string): number {
  const seconds = Date.now() / 1000;
  makeFolder(folder);
  const file = openSync(eventFile(folder, seconds), "a");
  writeWhole(file, fileHeader(seconds));
  return file;
}
