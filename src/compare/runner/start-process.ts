import { type ChildProcess, fork } from "node:child_process";
import { displayName } from "../../errors.ts";
import type { LogEvent } from "../../train/index.ts";
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
export function startProcess(task: Task, onEvent: (event: LogEvent) => void): Running {
  const child = forked();
  const stderr = tailOf(child);
  const outcome = new Promise<Outcome>((resolve) => {
    child.on("message", (report: Report) => {
      if (report.kind === "event") onEvent(report.event);
      else resolve(outcomeOf(report));
    });
    child.on("error", (cause) => resolve(failed("bug", `its process could not be started: ${cause.message}`)));
    child.on("close", (code, signal) => resolve(deathOf(code, signal, stderr())));
  });
  const hasEnded = new Promise<void>((resolve) => child.on("close", () => resolve()).on("error", () => resolve()));
  child.send(task, () => {});
  const stop = () => void (child.connected && child.send("stop", () => {}));
  return { outcome: outcome.then((found) => hasEnded.then(() => found)), stop };
}

/** From sources (tests), Node cannot load TypeScript by itself and goes through jiti. */
function forked(): ChildProcess {
  const isSource = import.meta.url.endsWith(".ts");
  const body = new URL(isSource ? "./cell-process.ts" : "./cell-process.js", import.meta.url);
  const execArgv = isSource ? ["--import", "jiti/register"] : [];
  return fork(body, { execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"] });
}

const outcomeOf = (report: Exclude<Report, { kind: "event" }>): Outcome => {
  if (report.kind === "steps") return { how: "paced", steps: report.steps };
  return report.kind === "ended" ? { how: report.how } : { how: "failed", failure: report.failure };
};

const failed = (kind: CellFailure["kind"], message: string): Outcome => ({ how: "failed", failure: { kind, message } });

/** A process that ends without a word: SIGKILL is what the kernel sends when memory runs out. */
function deathOf(code: number | null, signal: string | null, lastWords: string): Outcome {
  const words = lastWords ? `: ${displayName(lastWords)}` : "";
  if (signal === "SIGKILL")
    return failed("memory", `its process was killed (SIGKILL), as the kernel does when memory runs out${words}`);
  return failed("bug", `its process ended ${signal ? `by ${signal}` : `with code ${code}`}${words}`);
}

const wordsKept = 500;

function tailOf({ stderr }: ChildProcess): () => string {
  let tail = "";
  stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-wordsKept);
  });
  return () => tail.trim();
}
