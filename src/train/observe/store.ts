// observations/: small files that grow for as long as the run does and stay small. What cannot be written never ends a run.
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, readRegularFile, storageError, writeFileDurably } from "../../files.ts";

export const observationsPath = (folder: string, ...names: string[]): string => join(folder, "observations", ...names);

/** A line of a file of observations: steps done, and what was seen. */
export interface Line {
  step: number;
  [what: string]: unknown;
}

/** The least distance between observations, `every` times a power of 2, at which fewer than `most` lie before this step. */
export function strideAt(step: number, every: number, most: number): number {
  let stride = every;
  while (step / stride >= most) stride *= 2;
  return stride;
}

export interface LineFile {
  append(line: Line): void;
  lines(): readonly Line[];
}

export interface LineFileOptions {
  /** Lines from this step on are another future's: they go. */
  before: number;
  /** At most so many lines; beyond that every second one goes. */
  most: number;
  onProblem: (message: string) => void;
}

/** Opens a file of lines for a run that begins, or goes on, at a step. */
export function openLines(path: string, { before, most, onProblem }: LineFileOptions): LineFile {
  let kept: Line[] = readLines(path).filter(({ step }) => step < before);
  const quietly = tellingOnce(path, onProblem);
  quietly(() => existsSync(path) && writeFileDurably(path, textOf(kept)));
  return {
    lines: () => kept,
    append(line) {
      kept.push(line);
      const isFull = kept.length > most;
      if (isFull) kept = thinned(kept);
      quietly(() => (isFull ? writeFileDurably(path, textOf(kept)) : appendFileSync(path, textOf([line]))));
    },
  };
}

/** Every second line, the first and the newest among them. */
export const thinned = (lines: readonly Line[]): Line[] =>
  lines.filter((_, i) => i % 2 === 0 || i === lines.length - 1);

const textOf = (lines: readonly Line[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

/** The lines that are whole; none where the file cannot be read. */
export function readLines(path: string): Line[] {
  try {
    return readRegularFile(path).toString("utf8").split("\n").flatMap(lineFrom);
  } catch {
    return [];
  }
}

function lineFrom(text: string): Line[] {
  try {
    const line = JSON.parse(text) as Line | null;
    return typeof line?.step === "number" ? [line] : [];
  } catch {
    return [];
  }
}

/** Runs what writes; the first failure is told, and every other one passes. */
export function tellingOnce(path: string, onProblem: (message: string) => void): (write: () => unknown) => void {
  let isTold = false;
  return (write) => {
    try {
      write();
    } catch (cause) {
      if (!isTold) onProblem(`${storageError("observe", path, cause).message}; the run goes on without it`);
      isTold = true;
    }
  };
}

/** Makes the folder. */
export const makeObservations = (folder: string): void => makeFolder(observationsPath(folder));
