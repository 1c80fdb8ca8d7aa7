// A page that stands alone: no script, no file beside it, no network.
import type { Sheet } from "./sheet.ts";

/** Text as HTML shows it, in elements and in quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const style = `
:root { color-scheme: light dark; --line: #8884; --quiet: #777; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; }
.scroll { overflow-x: auto; }
.foot { color: var(--quiet); font-size: 13px; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
figure { margin: 0; } figcaption { color: var(--quiet); font-size: 13px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1.5rem; margin-top: 1rem; }
.pictures { display: flex; gap: 1rem; flex-wrap: wrap; }
.bad { color: #c0392b; font-weight: 600; } .good { color: #1e8449; font-weight: 600; }
`;

/** The whole page; `body` is HTML. */
export const pageOf = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;

/** Sheets as tables, one under the other; the first title is the page's. */
export const sheetsAsHtml = (sheets: readonly Sheet[]): string => sheets.map(sheetAsHtml).join("\n");

function sheetAsHtml({ title, lead, headings, rows, foot }: Sheet, place: number): string {
  const level = place === 0 ? "h1" : "h2";
  const cells = (tag: string, texts: readonly string[]) =>
    texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join("");
  const body = rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n");
  return `<${level}>${escapeHtml(title)}</${level}>
${paragraphs(lead, "lead")}
<div class="scroll"><table>
<thead><tr>${cells("th", headings)}</tr></thead>
<tbody>
${body}
</tbody>
</table></div>
${paragraphs(foot, "foot")}`;
}

const paragraphs = (lines: readonly string[], kind: string): string =>
  lines.map((line) => `<p class="${kind}">${escapeHtml(line)}</p>`).join("\n");
