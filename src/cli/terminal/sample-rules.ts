import type { ReadingRules } from "../../data/index.ts";
import { SelfsightError } from "../../errors.ts";

/** Options that say how samples become colours; what is left out is as the run has it. */
export interface SampleOptions {
  range?: number[] | undefined;
  bands?: number[] | undefined;
}

/** Errors: configuration, in the words of the settings of these names. */
export function sampleRules({ range, bands }: SampleOptions): Partial<ReadingRules> {
  const [low, high] = range ?? [];
  if (range !== undefined && !(low! < high!))
    throw refusal(`--range ${range.join(" ")}`, "two numbers, the lower first, are needed", "such as --range 0 1");
  if (bands !== undefined && bands.length !== 1 && bands.length !== 3)
    throw refusal(`--bands ${bands}`, "one or three bands are needed", "such as --bands 1,2,3");
  return { ...(range && { range: [low!, high!] }), ...(bands && { bands }) };
}

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `${given}; ${needed}; ${advice}`);
