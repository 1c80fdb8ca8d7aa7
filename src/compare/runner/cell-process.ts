// The body of a cell's process: it is told one task, reports how it goes, and ends. A process of its own, so that its largest
// resident memory is its own, and so that nothing that goes wrong in it can touch the other cells.
import { kindInCommand } from "../../errors.ts";
import type { LogEvent } from "../../train/index.ts";
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

let isStopping = false;
/** Without a listener nothing matters any more: the cell saves and ends, and the next start of the plan goes on from there. */
process.on("disconnect", () => {
  isStopping = true;
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    isStopping = true;
  });
process.on("message", (message: Task | "stop") => {
  if (message === "stop") isStopping = true;
  else void perform(message);
});

async function perform(task: Task): Promise<void> {
  try {
    await say(await answerOf(task));
  } catch (error) {
    await say({ kind: "failed", failure: failureOf(error) });
  }
  process.exit(0);
}

async function answerOf(task: Task): Promise<Report> {
  if (task.kind === "pace") return { kind: "steps", steps: await stepsInTime(task.job, task.minutes) };
  const onEvent = (event: LogEvent) => void say({ kind: "event", event });
  return { kind: "ended", how: await runCell(task.job, { onEvent, isStopping: () => isStopping }) };
}

function failureOf(error: unknown): CellFailure {
  const kind = kindInCommand(error);
  if (!(error instanceof Error)) return { kind, message: String(error) };
  return { kind, message: kind === "bug" ? (error.stack ?? error.message) : error.message };
}

/** Resolves when it is sent, or cannot be: the other side may be gone. */
const say = (report: Report): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send!(report, () => resolve());
    else resolve();
  });
