import { html, type Markup } from "../charts/markup.ts";
import type { PictureMap, Report } from "../report.ts";
import { count } from "./views.ts";

const [width, height, margin] = [900, 560, 14];
/** Colours that the colour-blind tell apart on light and dark (Okabe and Ito), without the one that shows on neither. */
const palette = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#7d7d7d"];

/** Where its pictures lie: the map at the last evaluation, as a drawing without a script. */
export function mapSection({ map, usesLabels }: Report): Markup | undefined {
  if (!map || map.points.length === 0) return undefined;
  const { points, classes, step, explained } = map;
  const held = `${(100 * explained).toFixed(0)} % of the variance`;
  return html`<section><h2>Where its pictures lie</h2>
<p>${count(points.length)} pictures by the two main directions of their features at step ${count(step)}, which hold ${held}: what lies close together looks alike to the network.${classes ? ` Colours and shapes are the classes${usesLabels ? "" : ", which it never saw"}.` : undefined}</p>
<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Map of ${points.length} pictures">${placed(points).map((point) => markOf(point))}</svg>
${classes ? html`<figcaption>${legend(points, classes)}</figcaption>` : undefined}</figure></section>`;
}

type MapPoint = PictureMap["points"][number];

/** Both directions to one scale, so that distances are what they are. */
function placed(points: readonly MapPoint[]): MapPoint[] {
  const [left, right] = [least(points, "x"), -least(points, "x", -1)];
  const [low, high] = [least(points, "y"), -least(points, "y", -1)];
  const scale = Math.min((width - 2 * margin) / (right - left || 1), (height - 2 * margin) / (high - low || 1));
  return points.map((point) => ({
    ...point,
    x: width / 2 + scale * (point.x - (left + right) / 2),
    y: height / 2 - scale * (point.y - (low + high) / 2),
  }));
}

const least = (points: readonly MapPoint[], axis: "x" | "y", sign = 1): number =>
  points.reduce((found, point) => Math.min(found, sign * point[axis]), Number.POSITIVE_INFINITY);

function markOf({ x, y, label, name }: MapPoint): Markup {
  const title = name === undefined ? undefined : html`<title>${name}</title>`;
  const colour = palette[(label ?? 0) % palette.length]!;
  const [across, down] = [x.toFixed(1), y.toFixed(1)];
  if (Math.floor((label ?? 0) / palette.length) % 2 === 0)
    return html`<circle cx="${across}" cy="${down}" r="3.5" fill="${colour}">${title}</circle>`;
  return html`<rect x="${(x - 3).toFixed(1)}" y="${(y - 3).toFixed(1)}" width="6" height="6" fill="${colour}">${title}</rect>`;
}

/** Classes that stand in the legend; of more the first ones. */
const mostClasses = 2 * palette.length;

function legend(points: readonly MapPoint[], classes: readonly string[]): Markup[] {
  const shown = [...new Set(points.map(({ label }) => label ?? 0))].sort((a, b) => a - b).slice(0, mostClasses);
  return shown.map(
    (label) =>
      html`<span><svg viewBox="0 0 12 12" style="display: inline; width: 12px; height: 12px; vertical-align: middle" aria-hidden="true">${markOf({ x: 6, y: 6, label })}</svg> ${classes[label]} </span>`,
  );
}
