import { barChart, percent } from "./bar-chart.ts";
import { html, type Markup } from "./markup.ts";
import type { MatrixFigure, NeighbourRow, Report, Score, Scores, Thumbnail } from "./report.ts";
import { verdict } from "./verdict.ts";

// ---- what it is worth ----

export function scoreSection({ scores }: Report): Markup {
  if (!scores)
    return html`<section><h2>What it is worth</h2><p>These pictures have no labels, so there are no accuracies here. Put the pictures of each class into a sub-folder of their own, and the next report measures them. The nearest neighbours below need no labels.</p></section>`;
  return html`<section><h2>What it is worth</h2><p>${verdict(scores)}</p>
<div class="columns"><figure>${scoreTable(scores)}<figcaption>Measured on ${count(scores.testImages)} test images that took no part in the training. <b>kNN</b>: the nearest of ${count(scores.bankImages)} labelled images vote. <b>${scores.labels} labels a class</b>: a linear classifier that is shown only so many; mean and standard deviation of ${scores.draws} draws of the labels. The untrained network is the same network before the first step.</figcaption></figure>
<figure>${scoreBars(scores)}<figcaption>The same figures. The lines at the ends are one standard deviation over the draws.</figcaption></figure></div>
<p class="soft">Protocols: ${scores.protocols.join("; ")}.</p></section>`;
}

const count = (value: number): string => value.toLocaleString("en");

const scoreTable = ({ rows, labels }: Scores): Markup =>
  html`<div class="scroll"><table><thead><tr><th scope="col">Features</th><th scope="col" class="number">kNN</th><th scope="col" class="number">${labels} labels a class</th></tr></thead><tbody>${rows.map(scoreRow)}</tbody></table></div>`;

const scoreRow = ({ name, knn, fewShot, fewShotStd }: Score): Markup =>
  html`<tr><th scope="row">${name}</th><td class="number">${percent(knn)}</td><td class="number">${percent(fewShot)}${fewShotStd === null ? "" : ` ± ${(100 * fewShotStd).toFixed(1)}`}</td></tr>`;

const scoreBars = ({ rows, labels }: Scores): Markup =>
  barChart({
    title: "Accuracy on test images",
    groups: [
      { name: "kNN", bars: rows.map(({ name, knn }) => ({ name, value: knn })) },
      {
        name: `${labels} labels a class`,
        bars: rows.map(({ name, fewShot, fewShotStd }) => ({ name, value: fewShot, std: fewShotStd ?? 0 })),
      },
    ],
  });

// ---- what it was shown ----

export function viewSection({ views }: Report): Markup | undefined {
  if (views.length === 0) return undefined;
  const names = views[0]!.map((_, i) => (i === 0 ? "original" : (viewNames[i - 1] ?? `view ${i}`)));
  return html`<section><h2>What it was shown</h2>
<p>In every step each picture is changed at random in two ways, T and T′. The network is asked for one thing: that both views of a picture get the same features, and that no two features say the same. Whatever differs between the views, it learns to ignore.</p>
<figure><div class="tiles">${views.map((tiles, i) => html`<div>${tiles.map((tile, j) => html`<h3>${names[j]}</h3>${image(tile, `${names[j]} of picture ${i + 1}`)}`)}</div>`)}</div>
<figcaption>Each column is one picture, then two views of it as the network sees them in the first epoch.</figcaption></figure></section>`;
}

const viewNames = ["view T", "view T′"];

const image = ({ uri }: Thumbnail, alt: string): Markup => html`<img src="${uri}" alt="${alt}">`;

// ---- the matrix ----

export function correlationSection({ correlation }: Report): Markup | undefined {
  if (!correlation) return undefined;
  const { start, end, shown, features, images } = correlation;
  const figure = (name: string, { uri, meanDiagonal, offDiagonal }: MatrixFigure) => {
    const figures = `mean of the diagonal ${meanDiagonal.toFixed(2)}, the rest ${offDiagonal.toFixed(3)} (root mean square)`;
    return html`<figure><h3>${name}</h3><img class="matrix" src="${uri}" alt="Cross-correlation matrix ${name}: ${figures}"><figcaption>All ${features} features: ${figures}.</figcaption></figure>`;
  };
  return html`<section><h2>The matrix that becomes the identity</h2>
<p>Each cell is the correlation of one feature of view T with one feature of view T′, over ${count(images)} pictures. On the diagonal a feature meets itself in the other view: red means that it ignores the change. Off the diagonal different features meet: white means that they say different things. Training asks for a red diagonal on white ground.</p>
<div class="columns">${figure("before the first step", start)}${figure("after the last step", end)}</div>
<p class="legend" role="img" aria-label="Colours: blue is a correlation of minus 1, white 0, red 1"><span>−1</span><span class="bar"></span><span>+1</span> <span class="soft">first ${shown} of ${features} features</span></p></section>`;
}

// ---- neighbours ----

export function neighbourSection({ neighbours }: Report): Markup | undefined {
  if (neighbours.length === 0) return undefined;
  const isLabelled = neighbours.some(({ query }) => query.className !== undefined);
  const marks = isLabelled
    ? " A solid green line marks a neighbour of the same class, a dashed red one another class; the labels serve only for these marks."
    : "";
  return html`<section><h2>What it finds alike</h2>
<p>For ${neighbours.length} pictures: the pictures that are nearest by raw pixels, and nearest by what the network learned.${marks} The pictures were drawn by chance, not chosen.</p>
${isLabelled ? html`<p>${tally(neighbours)}</p>` : undefined}
<figure class="neighbours">${neighbours.map(neighbourBlock)}</figure></section>`;
}

function tally(rows: readonly NeighbourRow[]): string {
  const share = (key: "byPixels" | "byTrained") => {
    const marks = rows.flatMap((row) => row[key].map(({ className }) => className === row.query.className));
    return `${marks.filter(Boolean).length} of ${marks.length}`;
  };
  return `Of the same class here: ${share("byPixels")} by pixels, ${share("byTrained")} by trained features.`;
}

const neighbourBlock = ({ query, byPixels, byTrained }: NeighbourRow): Markup =>
  html`<div class="neighbour"><div class="query">${image(query, `query${ofClass(query)}`)}<span class="name">${query.className}</span></div>
<div>${neighbourLine("by pixels", byPixels, query)}${neighbourLine("by trained", byTrained, query)}</div></div>`;

const neighbourLine = (name: string, found: readonly Thumbnail[], query: Thumbnail): Markup =>
  html`<div class="row"><span class="soft">${name}</span>${found.map((own) => thumb(own, query))}</div>`;

function thumb(found: Thumbnail, { className }: Thumbnail): Markup {
  const mark = className === undefined ? "" : found.className === className ? "right" : "wrong";
  return html`<span class="thumb ${mark}">${image(found, `neighbour${ofClass(found)}${mark && `, ${mark}`}`)}<span class="name">${found.className}</span></span>`;
}

const ofClass = ({ className }: Thumbnail): string => (className === undefined ? "" : `: ${className}`);
