import { expect, it } from "vitest";
import type { LogEvent } from "../../train/index.ts";
import { paceWatch } from "./time-budgets.ts";

const stepEvent = (step: number) => ({ event: "step", step }) as LogEvent;

/** What the watch says of steps that take so many seconds each, and at which step. */
function saidOf(budget: { minutes: number; steps: number }, secondsPerStep: number) {
  let clock = 0;
  const watch = paceWatch(budget, () => 1000 * clock);
  const said: [step: number, steps: number][] = [];
  for (let step = 1; step <= budget.steps; step++) {
    clock += secondsPerStep;
    const steps = watch(stepEvent(step));
    if (steps !== undefined) said.push([step, steps]);
  }
  return said;
}

it("says once, after a tenth of the minutes, that the plan holds or how many steps fill it", () => {
  expect(saidOf({ minutes: 1, steps: 60 }, 1)).toEqual([[7, 60]]);
  expect(saidOf({ minutes: 1, steps: 60 }, 1.09)).toEqual([[7, 60]]);
  expect(saidOf({ minutes: 1, steps: 60 }, 1.2)).toEqual([[6, 50]]);
});

it("looks at the last step where a run is over before a tenth of its minutes", () => {
  expect(saidOf({ minutes: 3, steps: 112 }, 0.08)).toEqual([[112, 2250]]);
});

it("says nothing of one step, and nothing of other events", () => {
  expect(saidOf({ minutes: 1, steps: 1 }, 1)).toEqual([]);
  expect(paceWatch({ minutes: 1, steps: 60 })({ event: "warning", step: 0, message: "" })).toBeUndefined();
});
