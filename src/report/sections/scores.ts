import { barChart, percent } from "../charts/bar-chart.ts";
import { html, type Markup } from "../charts/markup.ts";
import type { Report, Score, Scores } from "../report.ts";
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
<figure>${scoreBars(scores)}<figcaption>The same figures. The lines at the ends are one standard deviation over the draws.</figcaption></figure>
</div><p class="soft">Protocols: ${scores.protocols.join("; ")}.</p></section>`;
}

const tableCaption = ({ testImages, isTestSplit, bankImages, labels, draws }: Scores): Markup =>
  html`Measured on ${count(testImages)} ${isTestSplit ? testSplit : heldOut}. <b>kNN</b>: the nearest of ${count(bankImages)} other, labelled images vote.
<b>${labelsText(labels)}</b>: a linear classifier that is shown only so many; mean and standard deviation of ${draws} draws of
the labels. The untrained network is the same network before the first step.`;

const testSplit = "test images, which took no part in the training";
const heldOut = "images held out from the vote; the training saw them too, without their labels";

const labelsText = (labels: number): string => `${labels} ${labels === 1 ? "label" : "labels"} a class`;

const scoreTable = ({ rows, labels }: Scores): Markup =>
  html`<div class="scroll"><table><thead><tr><th scope="col">Features</th><th scope="col" class="number">kNN</th>
<th scope="col" class="number">${labelsText(labels)}</th></tr></thead><tbody>${rows.map(scoreRow)}</tbody></table></div>`;

const scoreRow = ({ name, knn, fewShot, fewShotStd }: Score): Markup =>
  html`<tr><th scope="row">${name}</th><td class="number">${percent(knn)}</td>
<td class="number">${percent(fewShot)}${fewShotStd === null ? undefined : ` ± ${(100 * fewShotStd).toFixed(1)}`}</td></tr>`;

const scoreBars = ({ rows, labels }: Scores): Markup =>
  barChart({
    title: "Accuracy",
    groups: [
      { name: "kNN", bars: rows.map(({ name, knn }) => ({ name, value: knn })) },
      {
        name: labelsText(labels),
        bars: rows.map(({ name, fewShot, fewShotStd }) => ({ name, value: fewShot, std: fewShotStd ?? 0 })),
      },
    ],
  });
