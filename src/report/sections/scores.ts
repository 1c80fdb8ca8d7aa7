import { barChart, percent } from "../charts/bar-chart.ts";
import { html, type Markup } from "../charts/markup.ts";
import type { Figure, Report, Score, Scores } from "../report.ts";
import { verdict } from "../verdict.ts";
import { count } from "./views.ts";

const withoutLabels =
  "These pictures have no labels, so there are no accuracies here. Put the pictures of each class into a sub-folder of their " +
  "own, and the next report measures them. The nearest neighbours below need no labels.";

/** What the features are worth: the table, the bars, and what they say in words. */
export function scoreSection({ scores }: Report): Markup {
  if (!scores) return html`<section><h2>What it is worth</h2><p>${withoutLabels}</p></section>`;
  return html`<section><h2>What it is worth</h2><p>${verdict(scores)}</p><div class="columns">
<figure>${scoreTable(scores)}<figcaption>${tableCaption(scores)}</figcaption></figure>
<figure>${scoreBars(scores)}<figcaption>The same figures. The lines at the ends are one standard error.</figcaption></figure>
</div><p class="soft">Protocols: ${scores.measures.map(({ protocol }) => protocol).join("; ")}.</p></section>`;
}

const tableCaption = ({ testImages, isTestSplit, draws }: Scores): Markup =>
  html`Measured on ${count(testImages)} ${isTestSplit ? testSplit : heldOut}, ± one standard error. <b>Labels a class</b>: a linear
classifier that is shown only so many; the mean of ${draws} draws of the labels. <b>kNN</b>: the nearest of so many other, labelled images
vote. The untrained network is the same network before the first step.`;

const testSplit = "test images, which took no part in the training";
const heldOut = "images held out from the vote; the training saw them too, without their labels";

const scoreTable = ({ rows, measures }: Scores): Markup =>
  html`<div class="scroll"><table><thead><tr><th scope="col">Features</th>${measures.map(
    ({ title }) => html`<th scope="col" class="number">${title}</th>`,
  )}</tr></thead><tbody>${rows.map(scoreRow)}</tbody></table></div>`;

const scoreRow = ({ name, figures }: Score): Markup =>
  html`<tr><th scope="row">${name}</th>${figures.map((figure) => html`<td class="number">${figureText(figure)}</td>`)}</tr>`;

/** `74.9 % ± 0.4`; without the error where there is none. */
export const figureText = ({ value, error }: Figure): string =>
  `${percent(value)}${error > 0 ? ` ± ${(100 * error).toFixed(1)}` : ""}`;

const scoreBars = ({ rows, measures }: Scores): Markup =>
  barChart({
    title: "Accuracy",
    groups: measures.map(({ title }, i) => ({
      name: title,
      bars: rows.map(({ name, figures }) => ({ name, value: figures[i]!.value, std: figures[i]!.error })),
    })),
  });
