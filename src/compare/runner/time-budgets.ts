// A time budget as a number of steps: found out once, looked at again on the way, and kept. From then on the row is as reproducible
// as any run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileDurably } from "../../files.ts";
import type { LogEvent } from "../../train/index.ts";

const timeBudgetSchema = z.object({
  minutes: z.number(),
  steps: z.number(),
  /** How often the pace was corrected while the row trained. Those of older versions were not looked at again. */
  corrections: z.number().default(2),
});
export type TimeBudget = z.output<typeof timeBudgetSchema>;
const budgetsSchema = z.record(z.string(), timeBudgetSchema);

/** Then the number of steps stands, however the pace changes. */
export const mostCorrections = 2;

/** What a row may be longer or shorter than its plan. */
export const toleratedShare = 0.1;

const budgetsPath = (folder: string) => join(folder, "budgets.json");

export function readBudgets(folder: string): Record<string, TimeBudget> {
  try {
    return budgetsSchema.parse(JSON.parse(readFileSync(budgetsPath(folder), "utf8")));
  } catch {
    return {}; // none yet, or damaged: the pace is measured again
  }
}

export const keepBudget = (folder: string, key: string, budget: TimeBudget): void =>
  writeFileDurably(budgetsPath(folder), `${JSON.stringify({ ...readBudgets(folder), [key]: budget }, null, 1)}\n`);

/**
 * Told of a cell's events, it says once how many steps fill the minutes by the cell's own pace, when a tenth of them has gone by or the
 * last step is done: the planned number where that is within a tenth. The first pace comes from a few seconds, which may have been busy ones.
 */
export function paceWatch({ minutes, steps }: Pick<TimeBudget, "minutes" | "steps">, now = () => performance.now()) {
  let first: { step: number; at: number } | undefined;
  let hasSaid = false;
  return (event: LogEvent): number | undefined => {
    if (event.event !== "step" || hasSaid) return undefined;
    first ??= { step: event.step, at: now() };
    const [done, seconds] = [event.step - first.step, (now() - first.at) / 1000];
    const isDue = seconds >= 60 * minutes * toleratedShare || event.step >= steps;
    if (done === 0 || !isDue) return undefined;
    hasSaid = true;
    const needed = (steps * seconds) / done / (60 * minutes);
    return Math.abs(needed - 1) <= toleratedShare ? steps : Math.max(1, Math.round(steps / needed));
  };
}
