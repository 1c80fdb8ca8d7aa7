import { InvalidArgumentError } from "@commander-js/extra-typings";

/** A whole number of an option. Errors: commander's, which name option and value. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("A whole number is needed.");
  return Number(text);
}

export const collect = (value: string, previous: string[]): string[] => [...previous, value];
