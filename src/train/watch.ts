// The collapse watch: networks that say the same of every picture, or the same with every feature, while the loss looks healthy.

/** What is watched, of one batch. */
export interface RepresentationHealth {
  /**
   * Mean over features of the std of unit-length embeddings, times √D: 1 when spread evenly, 0 when all are one point. Where the loss
   * sees lengths (VICReg), that of embeddings as they are.
   */
  featureStd: number;
  /** exp of the entropy of the normalised singular values (RankMe, arXiv 2210.02885): how many directions are in use. */
  effectiveRank: number;
  /** Features that do not vary over the batch. */
  deadDimensions: number;
  /** How well the trunk's features of two views find each other: 1 always, 0.5 is chance. None where a step has one view. */
  recognition?: number;
}

export interface CollapseWatch {
  /** Takes the next observation; returns a sentence when the representation has newly collapsed. */
  observe(step: number, health: RepresentationHealth): string | undefined;
  /** What holds after the last observation; undefined: all is well. */
  standing(): CollapseFinding | undefined;
}

export interface CollapseFinding {
  kind: "point" | "line" | "few directions" | "repeats";
  sentence: string;
}

export interface WatchedMethod {
  /** Whether the loss forbids features to repeat each other, so that few directions alone say that it failed. Default false. */
  decorrelates?: boolean;
}

/** A finding is of the mean over so many observations, as one batch is noisy. */
const window = 5;
/**
 * It is a verdict when so many means in a row have it. Whole methods pass through narrow places and come out of them: BYOL and SimSiam
 * stayed for 5 to 14 means (`selfsight collapse`, seeds 0 to 4), those that have fallen for 20 and more of 26. Through a single point
 * nobody passes.
 */
const patience = { point: 5, line: 17, "few directions": 17, repeats: 17 } as const;
const smallestStd = 0.05;
/** Embeddings of a single point teach the trunk nothing, whatever it may find by its batch norm alone. */
const onePoint = 0.02;
const smallestRank = 2;
/** A line, whatever the trunk finds: a whole BYOL was at 1.6 for a while, SimCLR without negatives ends at 1.1 to 1.4. */
const oneLine = 1.5;
/** Heads of methods that stand go down to 2 directions, and their networks tell pictures apart all the same. */
const fewDirections = 5;
/** Where the loss forbids it: whole methods are at 18 and more, those without their redundancy term at 5 and less. */
const repeatedDirections = 8;
/** Networks that have fallen are at 0.50 to 0.57, chance; those that stand go above 0.6 within their first hundred steps. */
const leastRecognition = 0.6;

/**
 * Few directions or little spread, short of a point or a line, are no fault as long as two views of a picture find each other: then the
 * network tells pictures apart. Warns once for each kind of fall, and again only after a recovery.
 */
export function collapseWatch({ decorrelates = false }: WatchedMethod = {}): CollapseWatch {
  const recent: RepresentationHealth[] = [];
  let standing: CollapseFinding | undefined;
  let inARow = 0;
  return {
    standing: () => standing,
    observe(step, health) {
      recent.push(health);
      if (recent.length > window) recent.shift();
      const found = findingOf(recent, decorrelates);
      inARow = found ? inARow + 1 : 0;
      const verdict = found && (inARow >= patience[found.kind] || isLost(health)) ? found : undefined;
      const isNew = verdict !== undefined && verdict.kind !== standing?.kind;
      standing = verdict;
      return isNew ? `step ${step}: ${verdict.sentence}` : undefined;
    },
  };
}

const isLost = ({ featureStd, effectiveRank }: RepresentationHealth): boolean =>
  Number.isNaN(featureStd) || Number.isNaN(effectiveRank);

function findingOf(recent: readonly RepresentationHealth[], decorrelates: boolean): CollapseFinding | undefined {
  if (isLost(recent.at(-1)!)) return findings.point(Number.NaN, "");
  if (recent.length < window) return undefined;
  const [std, rank] = [meanOf(recent, "featureStd"), meanOf(recent, "effectiveRank")];
  const recognition = meanOf(recent, "recognition");
  const chance = Number.isNaN(recognition)
    ? ""
    : `, and two views of a picture find each other hardly better than by chance (${recognition.toFixed(2)}, where chance is 0.50)`;
  if (std < onePoint) return findings.point(std, recognition >= leastRecognition ? "" : chance);
  if (!(recognition >= leastRecognition)) {
    if (std < smallestStd) return findings.point(std, chance);
    if (rank < smallestRank) return findings.line(rank, chance);
    if (rank < fewDirections && chance !== "") return findings.few(rank, chance);
  }
  if (rank < oneLine) return findings.line(rank, "");
  return decorrelates && rank < repeatedDirections ? findings.repeats(rank) : undefined;
}

/** NaN where one of them has none. */
const meanOf = (recent: readonly RepresentationHealth[], key: "featureStd" | "effectiveRank" | "recognition"): number =>
  recent.reduce((sum, health) => sum + (health[key] ?? Number.NaN), 0) / recent.length;

const advice = "lower optimizer.learningRate or lengthen warmupEpochs";

const findings = {
  point: (std: number, chance: string): CollapseFinding => ({
    kind: "point",
    sentence: `embeddings are nearly one point (feature std ${std.toFixed(4)})${chance}; ${advice}`,
  }),
  line: (rank: number, chance: string): CollapseFinding => ({
    kind: "line",
    sentence: `embeddings lie on a line (effective rank ${rank.toFixed(1)})${chance}; ${advice}`,
  }),
  few: (rank: number, chance: string): CollapseFinding => ({
    kind: "few directions",
    sentence: `embeddings use few directions (effective rank ${rank.toFixed(1)})${chance}; ${advice}`,
  }),
  repeats: (rank: number): CollapseFinding => ({
    kind: "repeats",
    sentence: `features repeat each other (effective rank ${rank.toFixed(1)}), which the loss should not allow; raise the weight of its redundancy term`,
  }),
};
