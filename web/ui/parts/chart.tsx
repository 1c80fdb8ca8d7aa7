// Curves over steps, on axes that follow the reader's colours; all charts of a page share one cursor.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { shown } from "./numbers.ts";

export interface Line {
  label: string;
  values: readonly (number | null)[];
  /** A band around it: least and greatest of each bin. */
  low?: readonly (number | null)[] | undefined;
  high?: readonly (number | null)[] | undefined;
}

export interface ChartProps {
  title: string;
  steps: readonly number[];
  lines: readonly Line[];
  /** One sentence on how to read it. */
  note?: string | undefined;
  isLog?: boolean;
  unit?: string;
  height?: number;
}

/** Told apart by shade and by dashes, so that colour is not needed. */
const dashes: (number[] | undefined)[] = [undefined, [8, 4], [2, 4], [10, 4, 2, 4], [5, 2], [14, 4]];
const colourNames = ["--three", "--two", "--one", "--four", "--five", "--six"];

/** A titled chart with its legend in words. */
export function Chart({ title, steps, lines, note, isLog = false, unit = "", height = 190 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = dataOf(steps, lines);
  const shape = JSON.stringify([lines.map(({ label, low }) => [label, low !== undefined]), isLog, height]);
  useEffect(() => {
    const own = place.current!;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf({ lines, isLog, height, width: own.clientWidth }), data, own);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: own.clientWidth, height }));
    resized.observe(own);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      scheme.removeEventListener("change", draw);
      resized.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [steps, lines]);
  return (
    <figure class="chart">
      <h3>{title}</h3>
      <div ref={place} role="img" aria-label={spoken(title, steps, lines, unit)} />
      <p class="legend">
        {lines.map(({ label, values }, i) => (
          <span key={label}>
            <svg width="26" height="8" aria-hidden="true">
              <line
                x1="0"
                y1="4"
                x2="26"
                y2="4"
                class={`stroke-${i % 6}`}
                stroke-width="2.5"
                stroke-dasharray={dashes[i % 6]?.join(" ")}
              />
            </svg>
            {label} <b>{shown(lastOf(values))}</b>
            {unit}
          </span>
        ))}
      </p>
      {note && <figcaption>{note}</figcaption>}
    </figure>
  );
}

const lastOf = (values: readonly (number | null)[]): number | null =>
  values.findLast((value) => value !== null) ?? null;

const spoken = (title: string, steps: readonly number[], lines: readonly Line[], unit: string): string =>
  `${title}, ${steps.length === 0 ? "no steps yet" : `to step ${steps.at(-1)}`}: ${lines
    .map(({ label, values }) => `${label} ${shown(lastOf(values))}${unit}`)
    .join(", ")}`;

/** Steps, then of each line its values and, where it has a band, high and low. */
function dataOf(steps: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  const columns = lines.flatMap(({ values, low, high }) => (low && high ? [values, high, low] : [values]));
  return [steps, ...columns] as unknown as uPlot.AlignedData;
}

/** Fewer values than these are drawn as points too: a single one would not be seen otherwise. */
const fewPoints = 20;

const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function optionsOf(given: { lines: readonly Line[]; isLog: boolean; height: number; width: number }): uPlot.Options {
  const { lines, isLog, height, width } = given;
  const bands: uPlot.Band[] = [];
  const series: uPlot.Series[] = [{}];
  for (const [i, { label, low, values }] of lines.entries()) {
    const stroke = colour(colourNames[i % 6]!);
    const dash = dashes[i % 6];
    const points = { show: values.filter((value) => value !== null).length < fewPoints, size: 6, fill: stroke };
    series.push({ label, stroke, width: 2, spanGaps: true, points, ...(dash && { dash }) });
    if (!low) continue;
    bands.push({ series: [series.length, series.length + 1], fill: `${stroke}33` });
    for (const end of ["high", "low"])
      series.push({ label: `${label} ${end}`, spanGaps: true, points: { show: false }, width: 0 });
  }
  const axis = {
    stroke: colour("--soft"),
    grid: { stroke: colour("--rule"), width: 1 },
    ticks: { stroke: colour("--rule") },
  };
  return {
    ...{ width, height, series, bands },
    legend: { show: false },
    cursor: { sync: { key: "steps" }, y: false },
    scales: { x: { time: false }, y: isLog ? { distr: 3 } : {} },
    axes: [
      { ...axis, size: 28, font: "12px system-ui" },
      {
        ...axis,
        size: 56,
        font: "12px system-ui",
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : shown(tick))),
      },
    ],
  };
}
