// N pictures
/**
 * Area under precision over recall of a ranking, in double precision; equal scores count as one threshold, so their order is nothing.
 * interpolated: precision at a recall is the greatest at that recall or above, as in PASCAL VOC from 2010 on and in VISSL; else it is the
 * plain sum Σ (Rₙ − Rₙ₋₁) Pₙ. NaN where nothing is positive.
 */
export function averagePrecision(scores: Float64Array, isPositive: Uint8Array, { interpolated = true } = {}): number {
  const points = precisionRecall(scores, isPositive);
  let [area, greatest, above] = [0, 0, points.at(-1)?.recall ?? Number.NaN];
  for (let i = points.length - 1; i >= 0; i--) {
    const below = i > 0 ? points[i - 1]!.recall : 0;
    greatest = interpolated ? Math.max(greatest, points[i]!.precision) : points[i]!.precision;
    area += (above - below) * greatest;
    above = below;
  }
  return points.length === 0 ? Number.NaN : area;
}

interface Point {
  precision: number;
  recall: number;
}

/** A point for each threshold, the highest first. */
function precisionRecall(scores: Float64Array, isPositive: Uint8Array): Point[] {
  const positives = isPositive.reduce((sum, value) => sum + value, 0);
  if (positives === 0) return [];
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  let hits = 0;
  return order.flatMap((place, turn) => {
    hits += isPositive[place]!;
    const next = order[turn + 1];
    const isLastOfEqual = next === undefined || scores[next] !== scores[place];
    return isLastOfEqual ? [{ precision: hits / (turn + 1), recall: hits / positives }] : [];
  });
}
