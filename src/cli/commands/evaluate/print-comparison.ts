import { displayName } from "../../../errors.ts";
import type { Interval } from "../../../evaluate/index.ts";
import type { OutcomeComparison } from "../../../work/index.ts";
import { percent } from "../../terminal/percent.ts";

/** `59.1 to 62.3 %`. */
export const intervalText = ({ low, high }: Interval): string => `${(100 * low).toFixed(1)} to ${percent(high)}`;

/** Two results on the same images: both figures, difference, interval, p. */
export function printComparison(found: OutcomeComparison): void {
  const { sources, values, protocols, difference, interval, pValue, test, discordant, count, notes } = found;
  console.log(`\nthe same ${count} images of ${displayName(found.data)}, image by image`);
  for (const place of [0, 1] as const)
    console.log(`  ${percent(values[place]).padStart(7)}  ${displayName(sources[place])} (${protocols[place]})`);
  const range = interval ? ` (95 %: ${signed(interval.low)} to ${signed(interval.high)})` : "";
  console.log(`difference ${signed(difference)} points${range}, p = ${pText(pValue)} (${test})`);
  if (discordant) console.log(`right in one alone: ${discordant[0]} in the first, ${discordant[1]} in the second`);
  for (const note of notes) console.log(`note: ${note}`);
}

const signed = (share: number): string => `${share < 0 ? "-" : "+"}${Math.abs(100 * share).toFixed(1)}`;

const pText = (p: number): string => (p < 0.0001 ? p.toExponential(1) : p.toFixed(4));
