// Pictures in groups as one page: what search, duplicates, clusters, outliers, classes and plans are shown with.
import { html, Markup } from "./charts/markup.ts";
import { style } from "./style.ts";

/** A picture of the page. */
export interface Tile {
  /** An address that holds its bytes; undefined where the picture cannot be shown. */
  uri: string | undefined;
  name: string;
  /** A few words below the name, such as its similarity. */
  note?: string;
  /** Whether it is what the others of its group are compared with. */
  isFirst?: boolean;
}

export interface Group {
  title?: string;
  /** One sentence on the group. */
  text?: string;
  tiles: readonly Tile[];
  /** For pictures whose details matter. */
  isLarge?: boolean;
}

export interface GallerySection {
  title: string;
  text?: string;
  groups: readonly Group[];
}

export interface Gallery {
  title: string;
  /** What was found, in one or two sentences. */
  lead: string;
  /** How it was found, and how much of that to believe. */
  method: readonly string[];
  sections: readonly GallerySection[];
  facts: readonly (readonly [name: string, value: string])[];
  commands: readonly (readonly [purpose: string, command: string])[];
}

/** Nothing from elsewhere, no scripts: even a name that slipped through could load and run nothing. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

const galleryStyle = `
.tile-row { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 14px 12px; align-items: start; }
.tile-row.large { grid-template-columns: repeat(auto-fill, minmax(min(100%, 280px), 1fr)); }
.tile-row.large .frame { aspect-ratio: auto; }
.tile { min-width: 0; font-size: 0.78rem; line-height: 1.3; overflow-wrap: anywhere; }
.tile .frame { display: flex; align-items: center; justify-content: center; aspect-ratio: 1; background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; overflow: hidden; margin-bottom: 5px; }
.tile img { max-width: 100%; max-height: 100%; background: none; image-rendering: auto; }
.tile.small img { width: 100%; height: 100%; object-fit: contain; image-rendering: pixelated; }
.tile.first .frame { border: 2px solid var(--three); }
.tile .note { color: var(--soft); display: block; }
.group { background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; padding: 14px; margin: 14px 0; break-inside: avoid; }
.group .tile .frame { background: var(--ground); }
.group p { margin-bottom: 10px; }
`;

/** The whole page as one file of HTML. */
export function galleryPage({ title, lead, method, sections, facts, commands }: Gallery): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${new Markup(style + galleryStyle)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${sections.map(sectionOf)}
<section><h2>How this was found</h2>${method.map((sentence) => html`<p>${sentence}</p>`)}
<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>
${commands.length > 0 ? html`<section><h2>Go on from here</h2>${commands.map(([purpose, command]) => html`<p>${purpose}</p><pre>${command}</pre>`)}</section>` : undefined}
</main>
</body>
</html>
`.text;
}

const sectionOf = ({ title, text, groups }: GallerySection): Markup =>
  html`<section><h2>${title}</h2>${text === undefined ? undefined : html`<p>${text}</p>`}${groups.map(groupOf)}</section>`;

const groupOf = ({ title, text, tiles, isLarge }: Group): Markup =>
  html`<div class="group">${title === undefined ? undefined : html`<h3>${title}</h3>`}${text === undefined ? undefined : html`<p class="soft">${text}</p>`}
<div class="tile-row ${isLarge ? "large" : ""}">${tiles.map(tileOf)}</div></div>`;

const tileOf = ({ uri, name, note, isFirst }: Tile): Markup =>
  html`<div class="tile ${isFirst ? "first" : ""} ${uri?.startsWith("data:image/png") ? "small" : ""}"><div class="frame">${
    uri === undefined
      ? html`<span class="note">not shown</span>`
      : html`<img src="${uri}" alt="${name}${note === undefined ? "" : `, ${note}`}">`
  }</div>${name}${note === undefined ? undefined : html`<span class="note">${note}</span>`}</div>`;
