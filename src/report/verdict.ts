import { percent } from "./bar-chart.ts";
import type { Score, Scores } from "./report.ts";

/** What the scores say, in plain sentences: both measures against both baselines, whichever way they fell. */
export function verdict({ rows: [pixels, untrained, trained], labels }: Scores): string {
  const fewShot = `with ${labels} ${labels === 1 ? "label" : "labels"} a class`;
  return [
    `Learning without labels took the network from ${percent(untrained.knn)} to ${percent(trained.knn)} by nearest neighbours, and from ${percent(untrained.fewShot)} to ${percent(trained.fewShot)} ${fewShot}.`,
    against(pixels, trained, fewShot),
  ].join(" ");
}

function against(pixels: Score, trained: Score, fewShot: string): string {
  const knn = trained.knn > pixels.knn;
  const few = trained.fewShot > pixels.fewShot;
  const figures = `(${percent(pixels.knn)} and ${percent(pixels.fewShot)})`;
  if (knn && few) return `It is now better than the raw pixels on both ${figures}.`;
  if (few) return `It is better than the raw pixels ${fewShot}, and not yet by nearest neighbours ${figures}.`;
  if (knn) return `It is better than the raw pixels by nearest neighbours, and not yet ${fewShot} ${figures}.`;
  return `It is not yet better than the raw pixels on either ${figures}; train longer.`;
}

/** The page's first line. */
export function headline(dataset: string, scores: Scores | null): string {
  if (!scores) return `What Selfsight learned from ${dataset}`;
  const [pixels, untrained, trained] = scores.rows;
  const beats = (other: Score) => trained.knn > other.knn && trained.fewShot > other.fewShot;
  if (beats(pixels) && beats(untrained))
    return `Better than pixels, better than untrained: what ${dataset} taught without labels`;
  if (beats(untrained)) return `Better than an untrained network: what ${dataset} taught without labels`;
  return `What Selfsight learned from ${dataset} so far`;
}
