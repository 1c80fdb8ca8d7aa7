// B bins of a run's logged steps: however many steps there are, the same few figures are kept and sent.
import type { BinnedFigure, BinnedSeries } from "../answers.ts";
import { eachFigure } from "./figures.ts";

/** Of each bin of one figure. */
interface Column {
  sum: Float64Array; // [B]
  count: Float64Array; // [B]
  low: Float64Array; // [B]
  high: Float64Array; // [B]
}

/** Steps of a run in bins of equal numbers of logged lines; when all are full, each two become one. */
export interface StepSeries {
  /** Takes the numbers of a step's event. */
  add(step: number, event: Readonly<Record<string, unknown>>): void;
  /** Drops what was logged of steps after this one: a resume does them again. */
  dropAfter(step: number): void;
  binned(): BinnedSeries;
  /** Lines that it has taken. */
  readonly length: number;
}

/** A log may name as many figures as it likes; so many are kept. */
const mostFigures = 64;

/** A store of at most `capacity` bins, an even number. */
export function stepSeries(capacity = 1024): StepSeries {
  const first = new Float64Array(capacity);
  const last = new Float64Array(capacity);
  const columns = new Map<string, Column>();
  let [bins, inLast, width, length] = [0, 0, 1, 0];

  const openBin = (step: number) => {
    if (bins === capacity) {
      halve(first, last, columns);
      bins /= 2;
      width *= 2;
    }
    first[bins] = step;
    for (const column of columns.values()) clear(column, bins);
    bins += 1;
    inLast = 0;
  };

  const takeFigure = (name: string, value: number) => {
    const column = columns.get(name) ?? newColumn(columns, name, capacity);
    if (column) take(column, bins - 1, value);
  };

  return {
    get length() {
      return length;
    },
    add(step, event) {
      if (bins === 0 || inLast === width) openBin(step);
      last[bins - 1] = step;
      inLast += 1;
      length += 1;
      eachFigure(event, takeFigure);
    },
    dropAfter(step) {
      while (bins > 0 && first[bins - 1]! > step) bins -= 1;
      if (bins > 0 && last[bins - 1]! > step) last[bins - 1] = step; // a bin across the step keeps its mean
      inLast = bins === 0 ? 0 : width;
    },
    binned: () => ({
      steps: [...last.subarray(0, bins)],
      stepsPerBin: width,
      figures: Object.fromEntries([...columns].map(([name, column]) => [name, figureOf(column, bins, width)])),
    }),
  };
}

function newColumn(columns: Map<string, Column>, name: string, capacity: number): Column | undefined {
  if (columns.size >= mostFigures || name.length > 64) return undefined;
  const zeros = () => new Float64Array(capacity);
  const column = { sum: zeros(), count: zeros(), low: zeros(), high: zeros() };
  columns.set(name, column);
  return column;
}

function clear({ count }: Column, bin: number): void {
  count[bin] = 0;
}

function take(column: Column, bin: number, value: number): void {
  const isFirst = column.count[bin] === 0;
  column.sum[bin] = isFirst ? value : column.sum[bin]! + value;
  column.low[bin] = isFirst ? value : Math.min(column.low[bin]!, value);
  column.high[bin] = isFirst ? value : Math.max(column.high[bin]!, value);
  column.count[bin]! += 1;
}

function halve(first: Float64Array, last: Float64Array, columns: Map<string, Column>): void {
  for (let bin = 0; bin < first.length / 2; bin++) {
    first[bin] = first[2 * bin]!;
    last[bin] = last[2 * bin + 1]!;
    for (const column of columns.values()) mergePair(column, bin);
  }
}

/** Bins 2b and 2b + 1 into bin b; one without a value counts nothing. */
function mergePair({ sum, count, low, high }: Column, bin: number): void {
  const [a, b] = [2 * bin, 2 * bin + 1];
  const total = count[a]! + count[b]!;
  if (count[a] === 0 || count[b] === 0) {
    const from = count[a] === 0 ? b : a;
    for (const values of [sum, low, high]) values[bin] = values[from]!;
  } else {
    sum[bin] = sum[a]! + sum[b]!;
    low[bin] = Math.min(low[a]!, low[b]!);
    high[bin] = Math.max(high[a]!, high[b]!);
  }
  count[bin] = total;
}

function figureOf({ sum, count, low, high }: Column, bins: number, width: number): BinnedFigure {
  const each = (value: (bin: number) => number) =>
    Array.from({ length: bins }, (_, bin) => (count[bin] === 0 ? null : rounded(value(bin))));
  const mean = each((bin) => sum[bin]! / count[bin]!);
  return width === 1 ? { mean } : { mean, low: each((bin) => low[bin]!), high: each((bin) => high[bin]!) };
}

/** Six figures: more cannot be seen. */
const rounded = (value: number): number => Number(value.toPrecision(6));
