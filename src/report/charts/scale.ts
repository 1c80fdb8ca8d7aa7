// Scales of the charts: from the numbers of the data to the units of an SVG.

export interface Scale {
  (value: number): number;
  /** Round values inside the domain, for marks and labels. */
  ticks: readonly number[];
}

export interface ScaleOptions {
  domain: readonly [low: number, high: number];
  range: readonly [from: number, to: number];
  /** About so many. Default 5. */
  tickCount?: number;
}

export function linearScale({ domain: [low, high], range, tickCount = 5 }: ScaleOptions): Scale {
  const width = high - low || 1;
  const place = (value: number) => range[0] + ((value - low) / width) * (range[1] - range[0]);
  return Object.assign(place, { ticks: roundSteps(low, high, tickCount) });
}

/** For positive values that span powers of ten; the ticks are 1, 2 and 5 times powers of ten, or the powers alone where many. */
export function logScale({ domain: [low, high], range, tickCount = 5 }: ScaleOptions): Scale {
  const place = linearScale({ domain: [Math.log(low), Math.log(high)], range });
  const powers = Array.from({ length: 40 }, (_, i) => i - 20);
  const within = (factors: readonly number[]) =>
    powers.flatMap((power) => factors.map((factor) => factor * 10 ** power)).filter((at) => at >= low && at <= high);
  const fine = within([1, 2, 5]);
  const ticks = fine.length <= tickCount + 2 ? fine : within([1]);
  return Object.assign((value: number) => place(Math.log(value)), { ticks });
}

/** Multiples of 1, 2 or 5 times a power of ten from `low` to `high`. */
export function roundSteps(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The smallest range that holds all values; [0, 1] of none. */
export function extent(values: Iterable<number>): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low > high ? [0, 1] : [low, high];
}

/** A number as a label: 4 significant digits at most, thousands as k. */
export function label(value: number): string {
  if (Math.abs(value) >= 10_000) return `${Number((value / 1000).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}
