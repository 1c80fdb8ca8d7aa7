import { html, type Markup } from "./markup.ts";
import { linearScale, type Scale } from "./scale.ts";

export interface Bar {
  name: string;
  /** In [0, 1]. */
  value: number;
  /** Half the length of the whisker. */
  std?: number;
}

export interface BarGroup {
  name: string;
  bars: readonly Bar[];
}

const width = 420;
const barHeight = 20;
const groupGap = 34;
const plot = { left: 142, right: 62 };

/** Groups of horizontal bars from 0 to 100 %, the value beside each: long names stay readable on a phone. */
export function barChart({ title, groups }: { title: string; groups: readonly BarGroup[] }): Markup {
  const x = linearScale({ domain: [0, 1], range: [plot.left, width - plot.right] });
  const tops = groups.map((_, i) => groups.slice(0, i).reduce((sum, { bars }) => sum + heightOf(bars), 0));
  const height = groups.reduce((sum, { bars }) => sum + heightOf(bars), 0);
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${describe(title, groups)}">
${groups.map((group, i) => drawGroup(group, tops[i]!, x))}
</svg>`;
}

const heightOf = (bars: readonly Bar[]): number => groupGap + bars.length * (barHeight + 6);

const drawGroup = ({ name, bars }: BarGroup, top: number, x: Scale): Markup =>
  html`<text class="group" x="0" y="${top + 22}">${name}</text>${bars.map((bar, i) => drawBar(bar, i, top + groupGap + i * (barHeight + 6), x))}`;

function drawBar({ name, value, std = 0 }: Bar, place: number, top: number, x: Scale): Markup {
  const middle = top + barHeight / 2;
  const end = x(value);
  const [low, high] = [x(Math.max(0, value - std)), x(Math.min(1, value + std))];
  const whisker =
    std > 0
      ? html`<line class="whisker" x1="${low.toFixed(1)}" x2="${high.toFixed(1)}" y1="${middle}" y2="${middle}"/>`
      : undefined;
  return html`<text class="key" x="${plot.left - 8}" y="${middle + 4}" text-anchor="end">${name}</text>
<rect class="bar series-${place + 1}" x="${plot.left}" y="${top}" width="${(end - plot.left).toFixed(1)}" height="${barHeight}" rx="3"><title>${name}: ${percent(value)}</title></rect>
${whisker}<text class="value" x="${(Math.max(end, high) + 6).toFixed(1)}" y="${middle + 4}">${percent(value)}</text>`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const describe = (title: string, groups: readonly BarGroup[]): string =>
  `${title}. ${groups.map(({ name, bars }) => `${name}: ${bars.map((bar) => `${bar.name} ${percent(bar.value)}`).join(", ")}`).join("; ")}.`;
