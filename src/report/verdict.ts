// Plain sentences about scores
import { percent } from "./charts/bar-chart.ts";
import type { Figure, Report, Score, Scores } from "./report.ts";

type Outcome = "better" | "alike" | "worse";

/** What the scores say, in plain sentences: every measure against both baselines, whichever way it fell. */
export function verdict(scores: Scores): string {
  const [pixels, untrained, trained] = scores.rows;
  const measures = listed(scores.measures.map(({ inWords }) => inWords));
  return [
    `Before training the network was right in ${valuesOf(untrained)} (${measures}); now it is right in ${valuesOf(trained)}.`,
    comparison("an untrained network", untrained, scores),
    comparison(`raw pixels (${valuesOf(pixels)})`, pixels, scores),
  ].join(" ");
}

const valuesOf = ({ figures }: Score): string => listed(figures.map(({ value }) => percent(value)));

const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;

const outcomes: Record<Outcome, string> = { better: "better", alike: "about as good", worse: "not as good yet" };
const everywhere = ["", "there", "on both", "on all"];

/** `Against pixels it is better with 10 labels a class, and about as good by …`. */
function comparison(other: string, baseline: Score, { measures, rows: [, , trained] }: Scores): string {
  const found = compare(baseline, trained);
  const kinds = (Object.keys(outcomes) as Outcome[]).filter((kind) => found.includes(kind));
  if (kinds.length === 1)
    return `Against ${other} it is ${outcomes[kinds[0]!]} ${everywhere[Math.min(3, found.length)]}.`;
  const parts = kinds.map((kind) => {
    const own = measures.filter((_, i) => found[i] === kind).map(({ inWords }) => inWords);
    return `${outcomes[kind]} ${listed(own)}`;
  });
  return `Against ${other} it is ${parts.join(", ")}.`;
}

/** Differences within two standard errors are called alike. */
const compare = (other: Score, own: Score): Outcome[] =>
  own.figures.map((figure, i) =>
    outcome(figure.value - other.figures[i]!.value, 2 * errorOf(figure, other.figures[i]!)),
  );

const errorOf = (a: Figure, b: Figure): number => Math.hypot(a.error, b.error);

const outcome = (difference: number, margin: number): Outcome =>
  difference > margin ? "better" : difference < -margin ? "worse" : "alike";

/** The page's first line; it claims only what holds beyond chance on every measure, or on every one with few labels. */
export function headline({ dataset, scores, usesLabels }: Pick<Report, "dataset" | "scores" | "usesLabels">): string {
  if (!scores) return `What Selfsight learned from ${dataset}`;
  const [pixels, untrained, trained] = scores.rows;
  const isBetter = (other: Score, isCounted: (measure: number) => boolean) =>
    compare(other, trained).every((found, measure) => found === "better" || !isCounted(measure));
  const hasFewLabels = (measure: number) => scores.measures[measure]!.hasFewLabels;
  if (!isBetter(untrained, () => true)) return `What Selfsight learned from ${dataset} so far`;
  const taught = `what ${dataset} taught ${usesLabels ? "with" : "without"} labels`;
  if (isBetter(pixels, () => true)) return `Better than pixels and than an untrained network: ${taught}`;
  if (isBetter(pixels, hasFewLabels)) return `Better than pixels where labels are few: ${taught}`;
  return `Better than an untrained network: ${taught}`;
}
