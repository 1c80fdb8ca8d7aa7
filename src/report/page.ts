import { describeLeftOut } from "../data/index.ts";
import { html, Markup } from "./charts/markup.ts";
import type { Report } from "./report.ts";
import { evaluationSection } from "./sections/evaluations.ts";
import { learningSection } from "./sections/learning.ts";
import { neighbourSection } from "./sections/neighbours.ts";
import { mapSection } from "./sections/picture-map.ts";
import { scoreSection } from "./sections/scores.ts";
import {
  commandSection,
  correlationSection,
  count,
  factSection,
  momentSection,
  viewSection,
} from "./sections/views.ts";
import { style } from "./style.ts";
import { headline } from "./verdict.ts";

/** Nothing from elsewhere, no scripts: even a name that slipped through could load and run nothing. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** The whole page as one file of HTML. */
export function reportPage(report: Report): string {
  const title = headline(report);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${opening(report)}
${scoreSection(report)}
${evaluationSection(report.evaluated)}
${viewSection(report)}
${learningSection(report)}
${correlationSection(report)}
${momentSection(report)}
${mapSection(report)}
${neighbourSection(report)}
${commandSection(report)}
${factSection(report)}
</main>
</body>
</html>
`.text;
}

function opening({
  images,
  leftOut,
  remarks,
  dataset,
  method,
  usesLabels,
  trainingSeconds,
  isComplete,
}: Report): Markup {
  const end = isComplete ? undefined : html` The run was stopped early; this is how far it came.`;
  return html`<p class="lead">${method} looked at ${count(images)} pictures of ${dataset} for ${duration(trainingSeconds)}, ${usesLabels ? "with their labels" : "without a single label"}.${end}</p>${readingNotes([describeLeftOut(leftOut), ...remarks])}`;
}

const readingNotes = (sentences: readonly string[]): Markup[] =>
  sentences.filter(Boolean).map((sentence) => html`<p class="soft">${sentence}.</p>`);

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  return rest === 0 ? `${minutes} minutes` : `${minutes} min ${rest} s`;
}
