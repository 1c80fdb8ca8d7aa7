import { join } from "node:path";
import { writeFileDurably } from "../../files.ts";
import { dataUri, heatMap, html, lineChart, type Markup } from "../../report/index.ts";
import type { Correlation } from "../runner/cell-files.ts";
import { markdownOf } from "../table/markdown.ts";
import { pageOf, sheetsAsHtml } from "../table/page.ts";
import type { Sheet } from "../table/sheet.ts";
import type { CollapseRow } from "./collapse.ts";

const lead =
  "A network that gives every picture the same answer agrees with itself perfectly. Each method guards against that in its own way. " +
  "Here each stands beside itself with the guard taken off, trained on the same pictures for as long.";

/** What the terminal, the Markdown file and the page show. */
export const collapseSheet = (rows: readonly CollapseRow[]): Sheet => ({
  title: "Collapse: each method with and without its guard",
  lead: [lead],
  headings: ["method", "feature std", "effective rank", "kNN, %", "collapse watch"],
  rows: rows.map((row) => [
    row.label,
    number(row.featureStd, 3),
    number(row.effectiveRank, 1),
    percent(row.knn),
    verdictText(row),
  ]),
  foot: [
    "Feature std: 1 when embeddings are spread evenly, 0 when all are one point. Effective rank: how many directions they use. " +
      `kNN is that of the backbone${protocolOf(rows)}; ten classes, so 10 % is chance.`,
  ],
});

const protocolOf = (rows: readonly CollapseRow[]): string => {
  const [protocol] = rows.flatMap((row) => row.protocol ?? []);
  return protocol === undefined ? "" : ` (${protocol})`;
};

const number = (value: number | null, digits: number): string => value?.toFixed(digits) ?? "";
const percent = (share: number | null): string => (share === null ? "" : (100 * share).toFixed(1));

/** A finding that nobody expected is neither good news nor bad: it stays uncoloured. */
function colourOf({ verdict, isWatchRight }: CollapseRow): string {
  if (!isWatchRight) return "";
  return verdict === null ? "good" : "bad";
}

function verdictText({ failure, verdict, isWatchRight }: CollapseRow): string {
  if (failure !== null) return `failed: ${failure}`;
  if (isWatchRight === null) return "not run yet";
  const finding = verdict === null ? "no collapse" : verdict.sentence.split(";")[0]!;
  return isWatchRight ? finding : `${finding} (not what is expected)`;
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

async function pairSection(rows: readonly CollapseRow[]): Promise<Markup> {
  const [whole] = rows;
  const pictures = await Promise.all(rows.map(matrices));
  return html`<section><h2>${whole!.label}</h2>
${rows.map((row) => html`<p><b>${row.label.trim()}</b>: <span class="${colourOf(row)}">${verdictText(row)}</span></p>`)}
<div class="pair">${pictures}</div>
<div class="columns">${chart("Effective rank", rows, "effectiveRank")}${chart("Feature std", rows, "featureStd")}</div></section>`;
}

async function matrices({ label, correlation }: CollapseRow): Promise<Markup | undefined> {
  if (!correlation) return undefined;
  const [start, end] = await Promise.all([correlation.start, correlation.end].map(pictureOf));
  const figure = (when: string, uri: string) =>
    html`<figure><img class="matrix" src="${uri}" alt="Correlation matrix of ${label.trim()}, ${when}"><figcaption>${label.trim()}, ${when}</figcaption></figure>`;
  return html`${figure("at the start", start!)}${figure("at the end", end!)}`;
}

const pictureOf = ({ side, values }: Correlation): Promise<string> => dataUri(heatMap(Float32Array.from(values), side));

const chart = (title: string, rows: readonly CollapseRow[], key: "featureStd" | "effectiveRank"): Markup => {
  const series = rows.map(({ label, curves }) => ({
    name: label.trim(),
    points: curves.map((own) => [own.step, own[key]] as const),
  }));
  return html`<figure><h3>${title}</h3>${lineChart({ title, xLabel: "step", series })}</figure>`;
};
