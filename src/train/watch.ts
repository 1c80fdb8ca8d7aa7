// The collapse watch: embeddings that shrink to a point, to a line, or lose dimensions while the loss looks healthy.

/** What is watched, of one batch's embeddings [N, D]. */
export interface RepresentationHealth {
  /** Mean over features of the std of unit-length embeddings, times √D: 1 when spread evenly, 0 when all are one point. */
  featureStd: number;
  /** exp of the entropy of the normalised singular values (RankMe, arXiv 2210.02885): how many directions are in use. */
  effectiveRank: number;
  /** Features that do not vary over the batch. */
  deadDimensions: number;
}

export interface CollapseWatch {
  /** Takes the next observation; returns a sentence when the representation has newly begun to collapse. */
  observe(step: number, health: RepresentationHealth): string | undefined;
  /** What holds after the last observation; undefined: all is well. */
  standing(): CollapseFinding | undefined;
}

export interface CollapseFinding {
  kind: "point" | "line" | "fall";
  sentence: string;
}

const smallestStd = 0.05;
const smallestRank = 2;
/** A fall to this share of the best value so far is called a fall, where few directions are left. */
const shareOfBest = 0.2;
/** A whole SimSiam (docs/collapse.md) goes from 38 directions to 6 within its first steps, and stays there. */
const fewDirections = 5;
/** Random weights use many directions, and a healthy run gives most of them up in its first steps: these do not count as best. */
const firstObservations = 2;

/** Warns once for each kind of fall, and again only after a recovery. */
export function collapseWatch(): CollapseWatch {
  let best = 0;
  let seen = 0;
  let standing: CollapseFinding | undefined;
  return {
    standing: () => standing,
    observe(step, health) {
      seen += 1;
      if (seen > firstObservations) best = Math.max(best, health.effectiveRank);
      const found = verdict(health, best);
      const isNew = found !== undefined && found.kind !== standing?.kind;
      standing = found;
      return isNew ? `step ${step}: ${found.sentence}` : undefined;
    },
  };
}

function verdict({ featureStd, effectiveRank }: RepresentationHealth, best: number): CollapseFinding | undefined {
  const rank = effectiveRank.toFixed(1);
  if (!(featureStd >= smallestStd))
    return {
      kind: "point",
      sentence: `embeddings are nearly one point (feature std ${featureStd.toFixed(4)}); lower optimizer.learningRate or lengthen warmupEpochs`,
    };
  if (effectiveRank < smallestRank)
    return {
      kind: "line",
      sentence: `embeddings lie on a line (effective rank ${rank}); features repeat each other; lower optimizer.learningRate, lengthen warmupEpochs, or raise lambda where the method has one`,
    };
  if (effectiveRank < Math.min(fewDirections, shareOfBest * best))
    return {
      kind: "fall",
      sentence: `effective rank fell from ${best.toFixed(1)} to ${rank}; watch it, and lower optimizer.learningRate if it goes on`,
    };
  return undefined;
}
