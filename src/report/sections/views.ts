import { html, Markup } from "../charts/markup.ts";
import type { MatrixFigure, MatrixMoment, Report, Thumbnail } from "../report.ts";

/** A picture of the page with the words for a reader who cannot see it. */
export const image = ({ uri }: Thumbnail, alt: string): Markup => html`<img src="${uri}" alt="${alt}">`;

export const count = (value: number): string => value.toLocaleString("en");

const viewNames = ["original", "view T", "view T′"];

const viewText =
  "In every step each picture is changed at random in two ways, T and T′. The network is asked for two things: that both views " +
  "of a picture get the same features, and that no two features say the same. Whatever differs between the views, it learns " +
  "to ignore.";

/** What it was shown: pictures and their views. */
export function viewSection({ views }: Report): Markup | undefined {
  if (views.length === 0) return undefined;
  const column = (tiles: readonly Thumbnail[], place: number) =>
    html`<div>${tiles.map((tile, i) => viewTile(tile, viewNames[i]!, place + 1))}</div>`;
  return html`<section><h2>What it was shown</h2><p>${viewText}</p>
<figure><div class="tiles">${views.map(column)}</div>
<figcaption>Each column is one picture, then two views of it as the network sees them in the first epoch.</figcaption></figure>
</section>`;
}

const viewTile = (tile: Thumbnail, name: string, place: number): Markup =>
  html`<h3>${name}</h3>${image(tile, `${name} of picture ${place}`)}`;

const matrixText =
  "On the diagonal a feature meets itself in the other view: red means that it ignores the change. Off the diagonal different " +
  "features meet: white means that they say different things. Training asks for a red diagonal on white ground.";

/** The cross-correlation matrix before and after, side by side. */
export function correlationSection({ correlation }: Report): Markup | undefined {
  if (!correlation) return undefined;
  const { start, end, shown, features, images } = correlation;
  return html`<section><h2>The matrix that becomes the identity</h2>
<p>Each cell is the correlation of one feature of view T with one feature of view T′, over ${count(images)} pictures. ${matrixText}</p>
<div class="columns">${matrixPanel("before the first step", start, features)}${matrixPanel("after the last step", end, features)}</div>
<p class="legend" role="img" aria-label="Colours: blue is a correlation of minus 1, white 0, red 1">
<span>−1</span><span class="bar"></span><span>+1</span> <span class="soft">first ${shown} of ${features} features</span></p></section>`;
}

function matrixPanel(name: string, { uri, meanDiagonal, offDiagonal }: MatrixFigure, features: number): Markup {
  const figures = `mean of the diagonal ${meanDiagonal.toFixed(2)}, the rest ${offDiagonal.toFixed(3)} (root mean square)`;
  return html`<figure><h3>${name}</h3>
<img class="matrix" src="${uri}" alt="Cross-correlation matrix ${name}: ${figures}">
<figcaption>All ${features} features: ${figures}.</figcaption></figure>`;
}

const figureText = (value: number | null, digits: number): string =>
  value === null ? "unknown" : value.toFixed(digits);

/** The matrix through time: a row of choices that keys and pointers move along, and no script. */
export function momentSection({ moments = [] }: Report): Markup | undefined {
  if (moments.length < 2) return undefined;
  return html`<section><h2>How it came about</h2>
<p>The same matrix while it trained, its features in bins, alike ones side by side: off the diagonal the root mean square of two bins, on it how well features agree with themselves. Choose a moment, or go along them with the arrow keys.</p>
<figure class="film">${moments.map(momentChoice)}<div class="frames">${moments.map(momentFrame)}</div></figure></section>`;
}

const momentChoice = ({ step }: MatrixMoment, place: number): Markup =>
  html`<input type="radio" name="moment" aria-label="step ${step}" title="step ${step}" ${new Markup(place === 0 ? "checked" : "")}>`;

const momentFrame = ({ step, uri, meanDiagonal, offDiagonal }: MatrixMoment): Markup =>
  html`<div><img class="matrix" src="${uri}" alt="Cross-correlation matrix at step ${step}"><p>Step ${count(step)}: mean of the diagonal ${figureText(meanDiagonal, 2)}, the rest ${figureText(offDiagonal, 3)} (root mean square).</p></div>`;

/** What to type next. */
export const commandSection = ({ commands }: Report): Markup =>
  html`<section><h2>Go on from here</h2>${commands.map(([purpose, command]) => html`<p>${purpose}</p><pre>${command}</pre>`)}</section>`;

/** What is needed to judge the figures and to make the run again. */
export const factSection = ({ facts }: Report): Markup =>
  html`<section><h2>The run</h2><dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
