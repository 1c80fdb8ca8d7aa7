// What the server answers, for it and for the page: types alone, so that the page can read them too.

/** training: a process is at work; finished, stopped: nobody is; damaged: what it is cannot be read. */
export type RunState = "training" | "finished" | "stopped" | "damaged";

/** well: as far as was looked; watch: something is to be looked at; fallen: what it learns is void; dark: nothing is known. */
export interface Light {
  colour: "well" | "watch" | "fallen" | "dark";
  /** Why, in a few words. */
  reason: string;
}

/** One line of log.jsonl: an event at a step. */
export type LoggedEvent = Record<string, unknown> & { event: string; step: number };

export interface RunSummary {
  id: string;
  name: string;
  state: RunState;
  method: string | null;
  data: string | null;
  step: number;
  totalSteps: number | null;
  loss: number | null;
  /** Last accuracy while it trained, in [0, 1], and its protocol. */
  accuracy: number | null;
  protocol: string | null;
  light: Light;
  /** Milliseconds since 1970. */
  created: number | null;
  changed: number | null;
  /** Who trains it, for people. */
  owner: string | null;
  /** Whether this user owns it: then it can be steered. */
  isOwn: boolean;
}

export interface RunList {
  /** Last changed first. */
  runs: RunSummary[];
  /** Whether there were more folders than are looked into. */
  isCut: boolean;
}

/** The list since the last message. */
export interface RunListChange {
  changed: RunSummary[];
  /** All in order; null: as before. */
  ids: string[] | null;
  isCut: boolean;
}

export interface RunDetails {
  summary: RunSummary;
  /** Where it lies, for people and for commands that they type. */
  folder: string;
  settings: Readonly<Record<string, unknown>> | null;
  command: string | null;
  created: string | null;
  from: unknown;
  start: LoggedEvent | null;
  /** Steps of the checkpoints that there are, the oldest first. */
  checkpoints: number[];
  evaluations: readonly LoggedEvent[];
  alarms: readonly LoggedEvent[];
  /** Warnings that are no alarms; pictures that were left out among them. */
  remarks: readonly LoggedEvent[];
  acts: readonly LoggedEvent[];
  extensions: readonly LoggedEvent[];
  ends: readonly LoggedEvent[];
  changes: readonly Record<string, unknown>[];
  /** Whether only parts of a very long log were read. */
  isSampled: boolean;
}

export interface BinnedFigure {
  /** One number a bin; null where a bin has none. */
  mean: (number | null)[];
  /** Least and greatest of each bin; left out where a bin is one step. */
  low?: (number | null)[];
  high?: (number | null)[];
}

export interface BinnedSeries {
  /** The last step of each bin. */
  steps: number[];
  /** Logged steps in a bin, but for the last. */
  stepsPerBin: number;
  figures: Record<string, BinnedFigure>;
}

/** Up to `place` of the log. */
export type SeriesAnswer = BinnedSeries & { place: string };

type Maybe<T> = T | null | undefined;

export interface ObservedStep {
  step: number;
  epoch?: Maybe<number>;
  order?: Maybe<number>;
  /** Of how many pictures. */
  rows?: Maybe<number>;
  /** Base64, bins x bins bytes: (u / 255)² is a correlation's root mean square. */
  matrix?: Maybe<string>;
  /** Base64, a byte a bin: u / 127.5 - 1. */
  diagonal?: Maybe<string>;
  meanDiagonal?: Maybe<number>;
  rmsOffDiagonal?: Maybe<number>;
  largestOffDiagonal?: Maybe<number>;
  spectrum?: Maybe<(number | null)[]>;
  effectiveRank?: Maybe<number>;
  dead?: Maybe<number>;
  stds?: Maybe<(number | null)[]>;
  similarities?: Maybe<{ positives: (number | null)[]; negatives: (number | null)[] }>;
  prototypes?: Maybe<{ used: (number | null)[]; perplexity: number | null; count: number }>;
  memoryBytes?: Maybe<number>;
  seconds?: Maybe<number>;
  share?: Maybe<number>;
}

export interface MapLine {
  step: number;
  epoch?: Maybe<number>;
  /** Base64, n x 2 int16 little-endian; -32768: none. */
  points: string;
  scale: number;
  explained?: Maybe<number>;
  neighbours?: Maybe<number[][]>;
}

export interface Sample {
  length: number;
  indices: number[];
  names?: Maybe<string[]>;
  labels?: Maybe<(number | null)[]>;
  classes?: Maybe<string[]>;
  /** Places in the sample of the pictures whose neighbours are kept. */
  queries: number[];
  /** Side of a small picture of the sheet, and how many stand in a row. */
  tile: number;
  columns: number;
}

export interface DrawnViews {
  step: number;
  epoch?: Maybe<number>;
  indices: number[];
  views: number;
  tile: number;
  columns: number;
}

/** All of a run's; what is not there is null. */
export interface Observations {
  index: {
    everySteps: number;
    method: string;
    dimensions: number;
    bins: number;
    orders: { id: number; step: number; features: number[] }[];
    histograms?: Maybe<{ std?: Maybe<(number | null)[]>; similarities?: Maybe<(number | null)[]> }>;
    /** Keys that may be changed while it trains. */
    changeable?: Maybe<string[]>;
  } | null;
  steps: ObservedStep[];
  map: MapLine[];
  sample: Sample | null;
  views: DrawnViews | null;
}

/** What was observed after a step, and the steps of all that is kept. */
export type ObservationsAnswer = Observations & { kept: { steps: number[]; map: number[] } };

export interface ServerFacts {
  version: string;
  /** The folder of all runs. */
  root: string;
  /** Whether the page may start and steer. */
  canAct: boolean;
}
