import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Reads a whole number of an option, from `least` to `most`. Errors: commander's, which name option and value. */
export const wholeNumberFrom =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`A whole number ${range} is needed.`);
  };

/** A whole number of 0 or more. */
export const wholeNumber = wholeNumberFrom(0);

/** A number above 0 of an option. Errors: commander's. */
export function numberAboveZero(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("A number above 0 is needed.");
}

/** Two numbers of an option that is followed by both, the lower first. Errors: commander's. */
export function lowAndHigh(text: string, before: number[] = []): number[] {
  const value = Number(text);
  const isNumber = text.trim() !== "" && Number.isFinite(value);
  if (!isNumber || before.length === 2)
    throw new InvalidArgumentError("Two numbers are needed, and nothing else behind them but options.");
  return [...before, value];
}

/** Whole numbers from 1, with commas between. Errors: commander's. */
export const wholeNumbers = (text: string): number[] => text.split(",").map(wholeNumberFrom(1));

/** The values of a repeatable option; undefined, which the help does not show as a default, before the first. */
export const collect = (value: string, previous: string[] | undefined): string[] => [...(previous ?? []), value];

/** A part of several, `i/n` with i from 1 to n. Errors: commander's. */
export function shardOf(text: string): { number: number; of: number } {
  const [number, of] = (/^(\d{1,5})\/(\d{1,5})$/.exec(text)?.slice(1) ?? []).map(Number);
  if (number !== undefined && of !== undefined && number >= 1 && number <= of) return { number, of };
  throw new InvalidArgumentError("A part of several is needed, such as 1/8 to 8/8.");
}

/** A share or a score above 0 and up to 1. Errors: commander's. */
export function shareAboveZero(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number above 0 and up to 1 is needed.");
}

/** A share or a score from 0 to 1. Errors: commander's. */
export function shareFromZero(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("A number from 0 to 1 is needed.");
}
