import { displayName } from "../../errors.ts";
import type { WrittenResults } from "../../work/results/write-results.ts";

/** Where to look. */
export function sayWritten(written: WrittenResults | undefined): void {
  if (written) console.log(`look at ${displayName(written.page)}; ${displayName(written.json)} has it for machines`);
}
