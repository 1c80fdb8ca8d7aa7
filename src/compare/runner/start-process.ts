import type { LogEvent } from "../../train/index.ts";
import { startProcess as start } from "../../work/apart/start-process.ts";
import type { CellFailure } from "./cell-files.ts";
import type { Report, Task } from "./cell-process.ts";

export type Outcome =
  | { how: "done" | "stopped" }
  | { how: "paced"; steps: number }
  | { how: "failed"; failure: CellFailure };

export interface Running {
  outcome: Promise<Outcome>;
  /** Asks it to save and end. */
  stop(): void;
}

/** Starts a process for one task. Never rejects: what goes wrong is an outcome. */
export function startProcess(
  task: Task,
  onEvent: (event: LogEvent) => void,
  environment: Readonly<Record<string, string>> = {},
): Running {
  let told: Outcome | undefined;
  const { ended, stop } = start(
    { name: "cell-process", from: import.meta.url, environment },
    task,
    (report: Report) => {
      if (report.kind === "event") onEvent(report.event);
      else told ??= outcomeOf(report);
    },
  );
  return { outcome: ended.then((failure) => told ?? { how: "failed", failure }), stop };
}

const outcomeOf = (report: Exclude<Report, { kind: "event" }>): Outcome => {
  if (report.kind === "steps") return { how: "paced", steps: report.steps };
  return report.kind === "ended" ? { how: report.how } : { how: "failed", failure: report.failure };
};
