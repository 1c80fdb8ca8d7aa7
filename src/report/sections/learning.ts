// How it learned: the log of a run as charts.
import { type LineChart, lineChart, type Point, type Series } from "../charts/line-chart.ts";
import { html, type Markup } from "../charts/markup.ts";
import type { LoggedStep, Report } from "../report.ts";

/** What each chart means, for a reader who sees one for the first time. */
const captions = {
  Loss:
    "The loss above its floor: a batch is a sample, so that even perfect features seem a little correlated, and the loss " +
    "cannot fall below that. On the diagonal: how far the two views of a picture disagree. Off the diagonal: how much the " +
    "features repeat each other. The axis is logarithmic.",
  "kNN while it trained":
    "Accuracy in % on training pictures held out from the vote: a number to watch. It chose nothing, and the test images had " +
    "no part in it.",
  "Linear classifier while it trained":
    "Accuracy in % on the same held-out training pictures, of a linear layer that learns from the trunk's features beside it. The " +
    "trunk never feels it: without it the weights would be the same to the bit.",
  "Effective rank":
    "How many directions the embeddings use (RankMe). If it falls towards 1, every picture is given nearly the same answer: " +
    "that is collapse.",
  "Feature spread":
    "How widely the embeddings are spread: 1 when evenly in all directions, 0 when all pictures are one point, the other face " +
    "of collapse.",
  "Learning rate":
    "How large the steps are: a short rise, so that nothing breaks at the start, then half a cosine down to the end.",
  Speed:
    "Pictures in a second, each seen in two views. Dips are pauses for a measurement or a checkpoint, or other programs.",
};

export function learningSection({ steps, online, onlineLinear = [], lambda }: Report): Markup | undefined {
  if (steps.length === 0) return undefined;
  const percents = (own: Report["online"]) => own.map(({ step, value }): Point => [step, 100 * value]);
  const panels = [
    panel("Loss", lossSeries(steps, lambda), "log"),
    online.length > 0 ? panel("kNN while it trained", [{ name: "kNN in %", points: percents(online) }]) : undefined,
    onlineLinear.length > 0
      ? panel("Linear classifier while it trained", [{ name: "linear in %", points: percents(onlineLinear) }])
      : undefined,
    panel("Effective rank", [pointsOf(steps, "effective rank", "effectiveRank")]),
    panel("Feature spread", [pointsOf(steps, "feature std", "featureStd")]),
    panel("Learning rate", [pointsOf(steps, "learning rate", "learningRate")]),
    panel("Speed", [pointsOf(steps, "images/s", "imagesPerSecond")]),
  ];
  return html`<section><h2>How it learned</h2><div class="columns">${panels}</div></section>`;
}

const panel = (title: keyof typeof captions, series: Series[], scale: LineChart["scale"] = "linear"): Markup =>
  html`<figure><h3>${title}</h3>${lineChart({ title, xLabel: "step", series, scale })}<figcaption>${captions[title]}</figcaption></figure>`;

type StepNumber = Exclude<keyof LoggedStep, "step">;

/** One logged number over the steps; steps that did not log it are left out. */
const pointsOf = (steps: readonly LoggedStep[], name: string, key: StepNumber, factor = 1): Series => ({
  name,
  points: steps.flatMap((own): Point[] => {
    const value = own[key];
    return value === undefined ? [] : [[own.step, factor * value]];
  }),
});

function lossSeries(steps: readonly LoggedStep[], lambda: number | undefined): Series[] {
  const above = { name: "above floor", points: steps.map(({ step, loss, floor }): Point => [step, loss - floor]) };
  if (lambda === undefined || steps[0]!.onDiagonal === undefined) return [above];
  const off = pointsOf(steps, "λ × off diagonal", "offDiagonal", lambda);
  return [above, pointsOf(steps, "on diagonal", "onDiagonal"), off];
}
