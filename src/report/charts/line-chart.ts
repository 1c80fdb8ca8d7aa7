import { html, Markup } from "./markup.ts";
import { extent, label, linearScale, logScale, type Scale } from "./scale.ts";

export type Point = readonly [x: number, y: number];

export interface Series {
  name: string;
  points: readonly Point[];
}

export interface LineChart {
  /** What a reader who cannot see it is told. */
  title: string;
  xLabel: string;
  series: readonly Series[];
  /** "log" leaves out values that are not positive. Default "linear", from 0. */
  scale?: "linear" | "log";
}

// In units of the view box, which is as wide as a phone: text keeps a readable size when the chart is narrow.
const width = 420;
const height = 240;
const plot = { left: 46, right: 12, top: 30, bottom: 38 };
const mostPoints = 200;
const fewPoints = 12;

/** Lines over one axis as inline SVG; colours and type come from the page's style. */
export function lineChart({ title, xLabel, series, scale = "linear" }: LineChart): Markup {
  const shown = series.map((own) => ({ ...own, points: thinned(own.points.filter(isShown(scale)), mostPoints) }));
  const all = shown.flatMap(({ points }) => points);
  if (all.length === 0) return html`<p class="empty">${title}: nothing was recorded.</p>`;
  const x = linearScale({ domain: extent(all.map(([at]) => at)), range: [plot.left, width - plot.right] });
  const y = verticalScale(scale, extent(all.map(([, value]) => value)));
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${describe(title, shown)}">
${grid(x, y)}${axisLabel(xLabel)}${shown.length > 1 ? legend(shown.map(({ name }) => name)) : undefined}
${shown.map(({ name, points }, i) => html`<polyline class="line series-${i + 1}" points="${path(points, x, y)}"><title>${name}</title></polyline>${dots(points, x, y, i)}`)}
</svg>`;
}

/** A line of few points is hard to see: each is marked. */
const dots = (points: readonly Point[], x: Scale, y: Scale, place: number): Markup[] =>
  (points.length <= fewPoints ? points : []).map(
    ([at, value]) =>
      html`<circle class="dot series-${place + 1}" cx="${x(at).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3"/>`,
  );

const isShown =
  (scale: "linear" | "log") =>
  ([x, y]: Point): boolean =>
    Number.isFinite(x) && Number.isFinite(y) && (scale === "linear" || y > 0);

function verticalScale(scale: "linear" | "log", [low, high]: [number, number]): Scale {
  const range = [height - plot.bottom, plot.top] as const;
  if (scale === "log") return logScale({ domain: [low, high > low ? high : low * 10], range, tickCount: 4 });
  const bottom = Math.min(0, low);
  return linearScale({ domain: [bottom, high > bottom ? high * 1.05 : bottom + 1], range, tickCount: 4 });
}

/** The first and the last value of each line, in words. */
const describe = (title: string, series: readonly Series[]): string =>
  `${title}. ${series
    .filter(({ points }) => points.length > 0)
    .map(({ name, points }) => `${name}: from ${label(points[0]![1])} to ${label(points.at(-1)![1])}`)
    .join("; ")}.`;

/** At most `most` points, each the mean of its share: a noisy line stays readable and the page small. */
export function thinned(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points];
  return Array.from({ length: most }, (_, i) => {
    const own = points.slice(Math.floor((i * points.length) / most), Math.floor(((i + 1) * points.length) / most));
    const mean = (axis: 0 | 1) => own.reduce((sum, point) => sum + point[axis], 0) / own.length;
    return [mean(0), mean(1)] as const;
  });
}

const path = (points: readonly Point[], x: Scale, y: Scale): string =>
  points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ");

function grid(x: Scale, y: Scale): Markup[] {
  const bottom = height - plot.bottom;
  const across = y.ticks.map(
    (
      tick,
    ) => html`<line class="grid" x1="${plot.left}" x2="${width - plot.right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}"/>
<text class="tick" x="${plot.left - 6}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${label(tick)}</text>`,
  );
  const along = x.ticks.map(
    (tick) =>
      html`<text class="tick" x="${x(tick).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${label(tick)}</text>`,
  );
  return [...across, ...along];
}

const axisLabel = (text: string): Markup =>
  html`<text class="tick" x="${(plot.left + width - plot.right) / 2}" y="${height - 5}" text-anchor="middle">${text}</text>`;

/** Keys side by side above the plot, spaced by the length of their names. */
export function legend(names: readonly string[]): Markup {
  let left = plot.left;
  const keys = names.map((name, i) => {
    const at = left;
    left += 40 + 6.6 * name.length;
    return html`<line class="line series-${i + 1}" x1="${at}" x2="${at + 20}" y1="12" y2="12"/><text class="key" x="${at + 25}" y="16">${name}</text>`;
  });
  return new Markup(keys.map(({ text }) => text).join(""));
}
