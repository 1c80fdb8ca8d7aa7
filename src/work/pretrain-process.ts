// The body of a process of its own for one run: it is told the run, reports its events, and ends.
import { type ErrorKind, SelfsightError } from "../errors.ts";
import type { LogEvent, RunSettings } from "../train/index.ts";
import { type PretrainOptions, type PretrainResult, pretrain } from "./pretrain.ts";

export interface RunTask {
  data: string;
  settings: RunSettings;
  options: Pick<PretrainOptions, "out" | "recipe">;
}

/** What the process says to the one that started it. */
export type RunReport =
  | { kind: "event"; event: LogEvent }
  | { kind: "ended"; result: PretrainResult }
  | { kind: "failed"; failure: { kind: ErrorKind; message: string } };

const stopping = new AbortController();
/** Without a listener nothing matters any more: the run saves and ends, and `resume` goes on from there. */
process.on("disconnect", () => stopping.abort());
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
process.on("message", (message: RunTask | "stop") => {
  if (message === "stop") stopping.abort();
  else void perform(message);
});

async function perform({ data, settings, options }: RunTask): Promise<void> {
  const onEvent = (event: LogEvent) => void say({ kind: "event", event });
  try {
    const result = await pretrain(data, settings, { ...options, onEvent, signal: stopping.signal });
    await say({ kind: "ended", result });
  } catch (error) {
    await say({ kind: "failed", failure: failureOf(error) });
  }
  process.exit(0);
}

function failureOf(error: unknown): { kind: ErrorKind; message: string } {
  if (error instanceof SelfsightError) return { kind: error.kind, message: error.message };
  return { kind: "bug", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Resolves when it is sent, or cannot be: the other side may be gone. */
const say = (report: RunReport): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send!(report, () => resolve());
    else resolve();
  });
