// M test images, R draws of labels
import { percent } from "./charts/bar-chart.ts";
import type { Report, Score, Scores } from "./report.ts";

type Outcome = "better" | "alike" | "worse";

/** What the scores say, in plain sentences: both measures against both baselines, whichever way they fell. */
export function verdict(scores: Scores): string {
  const { rows, labels } = scores;
  const [pixels, untrained, trained] = rows;
  const fewShot = `with ${labels} ${labels === 1 ? "label" : "labels"} a class`;
  return [
    `Before training the network was right in ${percent(untrained.knn)} by nearest neighbours and in ${percent(untrained.fewShot)} ${fewShot}; now it is right in ${percent(trained.knn)} and ${percent(trained.fewShot)}.`,
    sentence("an untrained network", compare(untrained, trained, scores), fewShot),
    sentence(
      `raw pixels (${percent(pixels.knn)} and ${percent(pixels.fewShot)})`,
      compare(pixels, trained, scores),
      fewShot,
    ),
  ].join(" ");
}

const outcomes: Record<Outcome, string> = { better: "better", alike: "about as good", worse: "not as good yet" };

function sentence(other: string, { knn, few }: { knn: Outcome; few: Outcome }, fewShot: string): string {
  if (knn === few) return `Against ${other} it is ${outcomes[knn]} on both.`;
  return `Against ${other} it is ${outcomes[few]} ${fewShot}, and ${outcomes[knn]} by nearest neighbours.`;
}

/** Differences within two standard errors are called alike. */
function compare(other: Score, own: Score, { testImages, draws }: Scores): { knn: Outcome; few: Outcome } {
  const knnError = Math.sqrt((other.knn * (1 - other.knn) + own.knn * (1 - own.knn)) / testImages); // binomial
  const fewError = Math.hypot(other.fewShotStd ?? 0, own.fewShotStd ?? 0) / Math.sqrt(draws);
  return {
    knn: outcome(own.knn - other.knn, 2 * knnError),
    few: outcome(own.fewShot - other.fewShot, 2 * fewError),
  };
}

const outcome = (difference: number, margin: number): Outcome =>
  difference > margin ? "better" : difference < -margin ? "worse" : "alike";

/** The page's first line; it claims only what holds beyond chance on both measures. */
export function headline({ dataset, scores, usesLabels }: Pick<Report, "dataset" | "scores" | "usesLabels">): string {
  if (!scores) return `What Selfsight learned from ${dataset}`;
  const [pixels, untrained, trained] = scores.rows;
  const beats = (other: Score) => Object.values(compare(other, trained, scores)).every((found) => found === "better");
  if (!beats(untrained)) return `What Selfsight learned from ${dataset} so far`;
  const over = beats(pixels) ? "Better than pixels and than an untrained network" : "Better than an untrained network";
  return `${over}: what ${dataset} taught ${usesLabels ? "with" : "without"} labels`;
}
