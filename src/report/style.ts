/** Moments of the matrix that a page can show, as each needs a rule of its own. */
export const mostMoments = 16;

/** The page's style: light and dark by the reader's choice, one column on a phone, no colours lost in print. */
export const style = `
:root { color-scheme: light dark; --ground: #ffffff; --panel: #f5f6f8; --ink: #16181d; --soft: #575d69; --rule: #d9dce2;
  --one: #7a8190; --two: #b45f06; --three: #1a66c2; --good: #12703a; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #14161a; --panel: #1d2026; --ink: #e8eaee; --soft: #a4abb8; --rule: #363b45;
  --one: #98a0ae; --two: #f0a04b; --three: #6fb0ff; --good: #5fd08a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.3rem); line-height: 1.2; margin: 0 0 12px; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 48px 0 6px; }
h3 { font-size: 1rem; margin: 0 0 6px; }
p { margin: 0 0 12px; max-width: 68ch; }
.lead { font-size: 1.1rem; }
.soft, figcaption, dt { color: var(--soft); }
.columns + .soft { margin-top: 12px; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 20px; margin-top: 14px; align-items: start; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--rule); border-radius: 10px; padding: 16px; break-inside: avoid; }
figcaption { font-size: 0.9rem; margin-top: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--rule); text-align: left; }
td.number, th.number { text-align: right; padding-right: 0; padding-left: 12px; vertical-align: bottom; }
td.number { white-space: nowrap; }
.columns table { font-size: 14px; }
tbody tr:last-child th { color: var(--three); }
tbody tr:last-child th, tbody tr:last-child td { font-weight: 650; border-bottom: 0; }
tbody th { font-weight: 500; }
svg { display: block; width: 100%; height: auto; overflow: visible; font-family: inherit; }
svg text { fill: var(--ink); font-size: 12.5px; }
svg text.tick { fill: var(--soft); font-size: 11.5px; }
svg text.group, svg text.value { font-weight: 600; }
.grid { stroke: var(--rule); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.series-1 { stroke: var(--three); } .line.series-2 { stroke: var(--two); stroke-dasharray: 7 4; } .line.series-3 { stroke: var(--one); stroke-dasharray: 2 4; }
.bar.series-1 { fill: var(--one); } .bar.series-2 { fill: var(--two); } .bar.series-3 { fill: var(--three); }
.dot.series-1 { fill: var(--three); } .dot.series-2 { fill: var(--two); } .dot.series-3 { fill: var(--one); }
.whisker { stroke: var(--ink); stroke-width: 2; }
img { image-rendering: pixelated; display: block; background: var(--rule); }
.matrix { width: 100%; max-width: 400px; aspect-ratio: 1; border-radius: 4px; }
.legend { display: flex; align-items: center; gap: 10px; font-size: 0.85rem; margin: 14px 0 0; }
.legend span.bar { flex: 0 1 240px; height: 12px; border-radius: 6px;
  background: linear-gradient(to right, rgb(33 102 172), rgb(247 247 247), rgb(178 24 43)); border: 1px solid var(--rule);
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.film input { width: 22px; height: 22px; margin: 0 4px 12px 0; accent-color: var(--three); }
.frames > div { display: none; }
${Array.from({ length: mostMoments }, (_, i) => `.film input:nth-of-type(${i + 1}):checked ~ .frames > :nth-child(${i + 1})`).join(",\n")} { display: block; }
.frames p { margin: 10px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 14px; }
.tiles img { width: 100%; border-radius: 4px; margin-bottom: 4px; }
.tiles h3 { font-size: 0.8rem; font-weight: 500; color: var(--soft); }
.tiles div { min-width: 0; }
.neighbours { display: grid; gap: 14px; }
.neighbour { display: grid; grid-template-columns: 96px 1fr; gap: 4px 16px; padding-bottom: 14px; border-bottom: 1px solid var(--rule); break-inside: avoid; }
.neighbour:last-child { border-bottom: 0; padding-bottom: 0; }
.query img { width: 72px; border-radius: 4px; }
.row { display: grid; grid-template-columns: 84px repeat(6, minmax(40px, 64px)); gap: 8px; align-items: start; font-size: 0.8rem; margin-bottom: 8px; }
.thumb img { width: 100%; border-radius: 4px; border-bottom: 4px solid transparent; }
.thumb.right img { border-bottom-color: var(--good); } .thumb.wrong img { border-bottom: 4px dashed var(--bad); }
.thumb .name, .query .name { display: block; font-size: 0.72rem; line-height: 1.25; overflow-wrap: anywhere; margin-top: 3px; }
.thumb.right .name { color: var(--good); } .thumb.wrong .name { color: var(--bad); }
pre { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px; overflow-x: auto; font-size: 0.9rem; margin: 4px 0 14px; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); gap: 12px 24px; margin: 12px 0; }
dd { margin: 0; overflow-wrap: anywhere; }
dt { font-size: 0.82rem; }
@media (max-width: 560px) { main { padding: 20px 14px 48px; } figure { padding: 12px; } .neighbour { grid-template-columns: 64px 1fr; gap: 4px 12px; } .query img { width: 60px; }
  .row { grid-template-columns: repeat(6, 1fr); gap: 5px; } .row > .soft { grid-column: 1 / -1; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } }
@media print { :root { color-scheme: light; --ground: #fff; --panel: #fff; --ink: #000; --soft: #444; --rule: #bbb; --one: #7a8190; --two: #b45f06; --three: #1a66c2; --good: #12703a; --bad: #b3261e; }
  body { font-size: 11pt; } main { padding: 0; max-width: none; } h2 { break-after: avoid; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
