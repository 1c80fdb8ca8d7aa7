// A page that stands alone: no script, no file beside it, no network.
import { html, Markup, style } from "../../report/index.ts";
import type { Sheet } from "./sheet.ts";

const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** Wide tables, and rows that are all alike: the report's last row stands out, these do not. */
const tableStyle = `
main { max-width: 1280px; } th, td { padding: 6px 14px 6px 0; vertical-align: top; }
tbody tr:last-child th, tbody tr:last-child td { color: inherit; font-weight: inherit; border-bottom: 1px solid var(--rule); }
thead tr:last-child th { font-weight: 650; } p { max-width: 90ch; } td { overflow-wrap: anywhere; min-width: 4.5em; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 180px), 1fr)); gap: 14px; margin-top: 14px; }
.bad { color: var(--bad); font-weight: 650; } .good { color: var(--good); font-weight: 650; }
`;

/** The whole page as one file. */
export const pageOf = (title: string, body: readonly Markup[]): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${new Markup(style + tableStyle)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.text;

/** Sheets as tables, one under the other; the first title is the page's. */
export const sheetsAsHtml = (sheets: readonly Sheet[]): Markup[] => sheets.map(sheetAsHtml);

function sheetAsHtml({ title, lead, headings, rows, foot }: Sheet, place: number): Markup {
  const heading = place === 0 ? html`<h1>${title}</h1>` : html`<h2>${title}</h2>`;
  return html`${heading}
${lead.map((line) => html`<p>${line}</p>`)}
<div class="scroll"><table>
<thead><tr>${headings.map((text) => html`<th>${text}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${row.map((text) => html`<td>${text}</td>`)}</tr>\n`)}
</tbody>
</table></div>
${foot.map((line) => html`<p class="soft">${line}</p>`)}
`;
}
