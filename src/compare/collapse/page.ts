import { join } from "node:path";
import { writeFileDurably } from "../../files.ts";
import { dataUri, heatMap, html, lineChart, type Markup } from "../../report/index.ts";
import type { Correlation } from "../runner/cell-files.ts";
import { markdownOf } from "../table/markdown.ts";
import { pageOf, sheetsAsHtml } from "../table/page.ts";
import type { Sheet } from "../table/sheet.ts";
import type { CollapseRow, CollapseRun } from "./collapse.ts";

const lead =
  "A network that gives every picture the same answer agrees with itself perfectly. Each method guards against that in its own way. " +
  "Here each stands beside itself with the guard taken off, trained on the same pictures for as long.";

/** What the terminal, the Markdown file and the page show. */
export const collapseSheet = (rows: readonly CollapseRow[]): Sheet => ({
  title: "Collapse: each method with and without its guard",
  lead: [lead],
  headings: ["method", "feature std", "effective rank", "kNN, %", "collapse watch"],
  rows: rows.map(({ label, runs }) => [
    label,
    figure(runs, "featureStd", (value) => value.toFixed(3)),
    figure(runs, "effectiveRank", (value) => value.toFixed(1)),
    figure(runs, "knn", (share) => (100 * share).toFixed(1)),
    verdictText(runs),
  ]),
  foot: [
    "Feature std: 1 when embeddings are spread evenly, 0 when all are one point. Effective rank: how many directions they use. " +
      `kNN is that of the backbone${protocolOf(rows)}; ten classes, so 10 % is chance.`,
    ...seedsSaid(rows),
  ],
});

const protocolOf = (rows: readonly CollapseRow[]): string => {
  const [protocol] = rows.flatMap(({ runs }) => runs.flatMap((run) => run.protocol ?? []));
  return protocol === undefined ? "" : ` (${protocol})`;
};

/** Over several seeds: how often the watch is right, and what the figures are. */
function seedsSaid(rows: readonly CollapseRow[]): string[] {
  const judged = rows.flatMap(({ runs }) => runs.filter(({ isWatchRight }) => isWatchRight !== null));
  const seeds = [...new Set(judged.map(({ seed }) => seed))];
  if (seeds.length < 2) return [];
  const right = judged.filter(({ isWatchRight }) => isWatchRight).length;
  return [
    `Seeds ${seeds.join(", ")}: the collapse watch is right on ${right} of ${judged.length} runs. Figures are least, median and most.`,
  ];
}

/** The figure of one seed; least, median and most of several. */
function figure(
  runs: readonly CollapseRun[],
  key: "featureStd" | "effectiveRank" | "knn",
  text: (value: number) => string,
): string {
  const values = runs.flatMap((run) => run[key] ?? []).sort((a, b) => a - b);
  if (values.length < 2) return values.map(text).join();
  return [values[0]!, values[values.length >> 1]!, values.at(-1)!].map(text).join(" – ");
}

/** A finding that nobody expected is neither good news nor bad: it stays uncoloured. */
function colourOf(runs: readonly CollapseRun[]): string {
  if (!runs.every(({ isWatchRight }) => isWatchRight)) return "";
  return runs.every(({ verdict }) => verdict === null) ? "good" : "bad";
}

/** What the watch says, each sentence once with the number of runs that it was said of. */
function verdictText(runs: readonly CollapseRun[]): string {
  if (runs.length === 0) return "not run yet";
  if (runs.length === 1) return runText(runs[0]!);
  const counts = new Map<string, number>();
  for (const text of runs.map(kindText)) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => `${count} of ${runs.length}: ${text}`).join("; ");
}

function runText({ failure, verdict, isWatchRight }: CollapseRun): string {
  if (failure !== null) return `failed: ${failure}`;
  if (isWatchRight === null) return "not run yet";
  const finding = verdict === null ? "no collapse" : verdict.sentence.split(";")[0]!;
  return isWatchRight ? finding : `${finding} (not what is expected)`;
}

/** The same without a run's own numbers. */
function kindText(run: CollapseRun): string {
  const { failure, verdict, isWatchRight } = run;
  if (failure !== null || isWatchRight === null || verdict === null) return runText(run);
  return isWatchRight ? verdict.kind : `${verdict.kind} (not what is expected)`;
}

/** Writes collapse.json, collapse.md and collapse.html. Errors: storage. */
export async function writeCollapse(folder: string, rows: readonly CollapseRow[]): Promise<void> {
  const sheet = collapseSheet(rows);
  const methods = [...new Set(rows.map(({ method }) => method))];
  const sections = await Promise.all(methods.map((method) => pairSection(rows.filter((row) => row.method === method))));
  writeFileDurably(join(folder, "collapse.json"), `${JSON.stringify(rows, null, 1)}\n`);
  writeFileDurably(join(folder, "collapse.md"), markdownOf([sheet]));
  writeFileDurably(join(folder, "collapse.html"), pageOf(sheet.title, [...sheetsAsHtml([sheet]), legend, ...sections]));
}

const legend = html`<p>The pictures below are corners of the correlation matrix of two views: row a feature of one view, column a
feature of the other. Red is 1, white 0, blue -1. A red diagonal on white says: every feature keeps its meaning and no two say the
same. All red and blue says: the features repeat one another.</p>`;

/** Pictures and curves are the first seed's. */
async function pairSection(rows: readonly CollapseRow[]): Promise<Markup> {
  const [whole] = rows;
  const pictures = await Promise.all(rows.map(matrices));
  return html`<section><h2>${whole!.label}</h2>
${rows.map(({ label, runs }) => html`<p><b>${label.trim()}</b>: <span class="${colourOf(runs)}">${verdictText(runs)}</span></p>`)}
<div class="pair">${pictures}</div>
<div class="columns">${chart("Effective rank", rows, "effectiveRank")}${chart("Feature std", rows, "featureStd")}</div></section>`;
}

async function matrices({ label, runs: [first] }: CollapseRow): Promise<Markup | undefined> {
  if (!first?.correlation) return undefined;
  const [start, end] = await Promise.all([first.correlation.start, first.correlation.end].map(pictureOf));
  const figureOf = (when: string, uri: string) =>
    html`<figure><img class="matrix" src="${uri}" alt="Correlation matrix of ${label.trim()}, ${when}"><figcaption>${label.trim()}, ${when}</figcaption></figure>`;
  return html`${figureOf("at the start", start!)}${figureOf("at the end", end!)}`;
}

const pictureOf = ({ side, values }: Correlation): Promise<string> => dataUri(heatMap(Float32Array.from(values), side));

const chart = (title: string, rows: readonly CollapseRow[], key: "featureStd" | "effectiveRank"): Markup => {
  const series = rows.map(({ label, runs: [first] }) => ({
    name: label.trim(),
    points: (first?.curves ?? []).map((own) => [own.step, own[key]] as const),
  }));
  return html`<figure><h3>${title}</h3>${lineChart({ title, xLabel: "step", series })}</figure>`;
};
