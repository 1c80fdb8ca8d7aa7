import type { Evaluated } from "./sections/evaluations.ts";

/** One way to ask what features are worth. */
export interface Measure {
  /** The head of its column, such as `10 labels a class`. */
  title: string;
  /** The same in a sentence, such as `with 10 labels a class`. */
  inWords: string;
  /** Full name of the protocol. */
  protocol: string;
  /** Whether few labels are known: then the figure speaks for whoever has few. */
  hasFewLabels: boolean;
}

/** An accuracy on test images, in [0, 1]. */
export interface Figure {
  value: number;
  /** One standard error. */
  error: number;
}

/** What one representation is worth, measure by measure. */
export interface Score {
  name: string;
  figures: readonly Figure[];
}

/** What was measured, and how. Null in a report: the pictures have no labels. */
export interface Scores {
  measures: readonly Measure[];
  /** Pixels, untrained, trained. */
  rows: readonly [pixels: Score, untrained: Score, trained: Score];
  /** Draws of the few labels. */
  draws: number;
  /** Whether the measured images come from a test split; else they were held out from the vote only. */
  isTestSplit: boolean;
  testImages: number;
}

/** A picture inside the page: an address that holds its bytes, and its class where it has one. */
export interface Thumbnail {
  uri: string;
  className?: string;
}

export interface NeighbourRow {
  query: Thumbnail;
  byPixels: readonly Thumbnail[];
  byTrained: readonly Thumbnail[];
}

/** A cross-correlation matrix: the picture of its corner, and figures of the whole. */
export interface MatrixFigure {
  uri: string;
  meanDiagonal: number;
  /** Root mean square of the cells off the diagonal. */
  offDiagonal: number;
}

/** The binned matrix at a moment of the training. */
export interface MatrixMoment {
  step: number;
  uri: string;
  meanDiagonal: number | null;
  offDiagonal: number | null;
}

/** Pictures by the two main directions of their features. */
export interface PictureMap {
  step: number;
  points: readonly { x: number; y: number; label?: number; name?: string }[];
  classes?: readonly string[];
  /** Share of the variance that the two directions hold. */
  explained: number;
}

/** One logged step; what a method does not log is left out. */
export interface LoggedStep {
  step: number;
  loss: number;
  floor: number;
  learningRate: number;
  imagesPerSecond: number;
  onDiagonal?: number;
  offDiagonal?: number;
  featureStd?: number;
  effectiveRank?: number;
}

export interface Report {
  folder: string;
  dataset: string;
  images: number;
  /** Names of the pictures that could not be decoded. */
  leftOut: readonly string[];
  /** What pictures were read in spite of, a sentence for each kind. */
  remarks: readonly string[];
  method: string;
  /** Whether it learned from the labels. */
  usesLabels: boolean;
  /** Whether the run came to its planned end. */
  isComplete: boolean;
  trainingSeconds: number;
  scores: Scores | null;
  /** What `evaluate all` has found; left out where it was not asked. */
  evaluated?: Evaluated;
  steps: readonly LoggedStep[];
  /** kNN on pictures held out of the training split, while it trained; empty without labels. */
  online: readonly { step: number; value: number }[];
  /** Of a linear classifier that learned beside the trunk; empty where there was none. */
  onlineLinear?: readonly { step: number; value: number }[];
  /** λ of Barlow Twins; weighs the off-diagonal part. */
  lambda?: number;
  correlation?: { start: MatrixFigure; end: MatrixFigure; shown: number; features: number; images: number };
  /** The same while it trained, in time; absent or empty: it was not observed. */
  moments?: readonly MatrixMoment[];
  /** Where its pictures lay at the last evaluation; absent: no map was drawn. */
  map?: PictureMap;
  /** The original, then its views. */
  views: readonly (readonly Thumbnail[])[];
  neighbours: readonly NeighbourRow[];
  facts: readonly (readonly [name: string, value: string])[];
  commands: readonly (readonly [purpose: string, command: string])[];
}
