// The body of a cell's process: it is told one task, reports how it goes, and ends. A process of its own, so that its largest
// resident memory is its own, and so that nothing that goes wrong in it can touch the other cells.
import { kindInCommand } from "../../errors.ts";
import type { LogEvent } from "../../train/index.ts";
import { type Serving, serveOrder } from "../../work/apart/serve-order.ts";
import type { CellFailure } from "./cell-files.ts";
import type { CellJob } from "./cells.ts";
import { runCell, stepsInTime } from "./run-cell.ts";

export type Task = { kind: "cell"; job: CellJob } | { kind: "pace"; job: CellJob; minutes: number };

/** What the process says to the one that started it. */
export type Report =
  | { kind: "event"; event: LogEvent }
  | { kind: "steps"; steps: number }
  | { kind: "ended"; how: "done" | "stopped" }
  | { kind: "failed"; failure: CellFailure };

serveOrder<Task, Report>(async (task, serving) => {
  try {
    return await answerOf(task, serving);
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  }
});

async function answerOf(task: Task, { say, signal }: Serving<Report>): Promise<Report> {
  if (task.kind === "pace") return { kind: "steps", steps: await stepsInTime(task.job, task.minutes) };
  const onEvent = (event: LogEvent) => void say({ kind: "event", event });
  return { kind: "ended", how: await runCell(task.job, { onEvent, isStopping: () => signal.aborted }) };
}

function failureOf(error: unknown): CellFailure {
  const kind = kindInCommand(error);
  if (!(error instanceof Error)) return { kind, message: String(error) };
  return { kind, message: kind === "bug" ? (error.stack ?? error.message) : error.message };
}
