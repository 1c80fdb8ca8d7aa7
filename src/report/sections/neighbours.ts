import { html, type Markup } from "../charts/markup.ts";
import type { NeighbourRow, Report, Thumbnail } from "../report.ts";
import { image } from "./views.ts";

/** What it finds alike: the nearest pictures by pixels and by what was learned. */
export function neighbourSection({ neighbours }: Report): Markup | undefined {
  if (neighbours.length === 0) return undefined;
  const isLabelled = neighbours.some(({ query }) => query.className !== undefined);
  return html`<section><h2>What it finds alike</h2>
<p>For ${neighbours.length} pictures, drawn by chance and not chosen: the pictures that are nearest by raw pixels, and nearest by
what the network learned.${isLabelled ? ` ${marks}` : undefined}</p>
${isLabelled ? html`<p>${tally(neighbours)}</p>` : undefined}
<figure class="neighbours">${neighbours.map(neighbourBlock)}</figure></section>`;
}

const marks =
  "A solid green line marks a neighbour of the same class, a dashed red one another class; the labels serve only for these marks.";

function tally(rows: readonly NeighbourRow[]): string {
  const share = (key: "byPixels" | "byTrained") => {
    const isSame = rows.flatMap((row) => row[key].map(({ className }) => className === row.query.className));
    return `${isSame.filter(Boolean).length} of ${isSame.length}`;
  };
  return `Of the same class here: ${share("byPixels")} by pixels, ${share("byTrained")} by trained features.`;
}

const neighbourBlock = ({ query, byPixels, byTrained }: NeighbourRow): Markup =>
  html`<div class="neighbour">
<div class="query">${image(query, `query${ofClass(query)}`)}<span class="name">${query.className}</span></div>
<div>${neighbourLine("by pixels", byPixels, query)}${neighbourLine("by trained", byTrained, query)}</div></div>`;

const neighbourLine = (name: string, found: readonly Thumbnail[], query: Thumbnail): Markup =>
  html`<div class="row"><span class="soft">${name}</span>${found.map((own) => thumb(own, query))}</div>`;

function thumb(found: Thumbnail, { className }: Thumbnail): Markup {
  const mark = className === undefined ? "" : found.className === className ? "right" : "wrong";
  const words = `neighbour${ofClass(found)}${mark && `, ${mark}`}`;
  return html`<span class="thumb ${mark}">${image(found, words)}<span class="name">${found.className}</span></span>`;
}

const ofClass = ({ className }: Thumbnail): string => (className === undefined ? "" : `: ${className}`);
