/** Accuracies of one representation on test images, in [0, 1]. */
export interface Score {
  name: string;
  knn: number;
  fewShot: number;
  /** Over the draws of labels; null of a single draw. */
  fewShotStd: number | null;
}

/** What was measured, and how. Null in a report: the pictures have no labels. */
export interface Scores {
  /** Pixels, untrained, trained. */
  rows: readonly [pixels: Score, untrained: Score, trained: Score];
  /** Labelled images of each class in the few-shot figure. */
  labels: number;
  draws: number;
  bankImages: number;
  /** Whether the measured images come from a test split; else they were held out from the vote only. */
  isTestSplit: boolean;
  testImages: number;
  /** Full names of the protocols. */
  protocols: readonly string[];
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
  method: string;
  /** Whether it learned from the labels. */
  usesLabels: boolean;
  /** Whether the run came to its planned end. */
  isComplete: boolean;
  trainingSeconds: number;
  scores: Scores | null;
  steps: readonly LoggedStep[];
  /** kNN on pictures held out of the training split, while it trained; empty without labels. */
  online: readonly { step: number; value: number }[];
  /** λ of Barlow Twins; weighs the off-diagonal part. */
  lambda?: number;
  correlation?: { start: MatrixFigure; end: MatrixFigure; shown: number; features: number; images: number };
  /** The original, then its views. */
  views: readonly (readonly Thumbnail[])[];
  neighbours: readonly NeighbourRow[];
  facts: readonly (readonly [name: string, value: string])[];
  commands: readonly (readonly [purpose: string, command: string])[];
}
