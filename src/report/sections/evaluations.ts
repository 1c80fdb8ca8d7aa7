// Figures of `evaluate all` beside those that others have published for the same protocol.
import { percent } from "../charts/bar-chart.ts";
import { html, type Markup } from "../charts/markup.ts";
import { type PublishedTableId, publishedNames } from "../published/published.ts";

/** A published figure in percent, with what it depends on. */
export interface PublishedBeside {
  table: PublishedTableId;
  column: string;
  value: number;
  epochs: number | null;
  batch: number | null;
}

/** What one protocol found on one set. */
export interface EvaluatedRow {
  name: string;
  data: string;
  protocol: string;
  /** A share in [0, 1]. */
  value: number;
  interval: { low: number; high: number } | null;
  published: readonly PublishedBeside[];
}

/** What `evaluate all` has found of a run. */
export interface Evaluated {
  rows: readonly EvaluatedRow[];
  /** What the pictures did not allow, with the reason. */
  refused: readonly { name: string; data: string; reason: string }[];
  /** Of the run. */
  method: string;
  batch: number;
  epochs: number | null;
}

/** Stands in every page, so that figures can be put into it later; empty without any. */
export function evaluationSection(evaluated: Evaluated | undefined): Markup {
  if (!evaluated || evaluated.rows.length + evaluated.refused.length === 0)
    return html`<section id="evaluations"></section>`;
  const { method, batch, epochs, rows, refused } = evaluated;
  return html`<section id="evaluations"><h2>By protocol</h2>
<p>${method}, ${epochs === null ? "" : html`${epochsText(epochs)} epochs, `}batch ${String(batch)}. Published figures stand with their own epochs and batch: they are of other pictures, larger
networks and longer training unless the protocol says the same, and show what a protocol's figure can be.</p>
<div class="scroll"><table><thead><tr><th scope="col">Protocol</th><th scope="col">Pictures</th><th scope="col" class="number">This run</th><th scope="col" class="number">95 % interval</th><th scope="col">Published, same method</th></tr></thead>
<tbody>${rows.map(rowOf)}</tbody></table></div>
${refused.length > 0 ? refusals(refused) : undefined}</section>`;
}

const epochsText = (epochs: number): string => String(Number(epochs.toFixed(1)));

const rowOf = ({ protocol, data, value, interval, published }: EvaluatedRow): Markup =>
  html`<tr><th scope="row">${protocol}</th><td>${data}</td><td class="number">${percent(value)}</td><td class="number">${
    interval ? `${(100 * interval.low).toFixed(1)} to ${(100 * interval.high).toFixed(1)}` : ""
  }</td><td>${published.map(besideText).join("; ")}</td></tr>`;

const besideText = ({ table, column, value, epochs, batch }: PublishedBeside): string =>
  `${value} (${column}; ${epochs ?? "?"} epochs, batch ${batch ?? "?"}; ${publishedNames[table]})`;

const refusals = (refused: Evaluated["refused"]): Markup =>
  html`<details><summary>What these pictures do not allow</summary><ul>${refused.map(
    ({ name, data, reason }) => html`<li><b>${name}</b> on ${data}: ${reason}</li>`,
  )}</ul></details>`;

const place = /<section id="evaluations">[\s\S]*?<\/section>/;

/** A page with these figures in place of those that it had; undefined for a page that has no place for them. */
export const withEvaluations = (page: string, evaluated: Evaluated): string | undefined =>
  place.test(page) ? page.replace(place, () => evaluationSection(evaluated).text) : undefined;
