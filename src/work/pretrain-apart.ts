// A run in a process of its own, for programs that have something else to do meanwhile.
import { type ChildProcess, fork } from "node:child_process";
import { CallError, SelfsightError } from "../errors.ts";
import type { LogEvent, RunSettings } from "../train/index.ts";
import type { PretrainOptions, PretrainResult, RunOptions } from "./pretrain.ts";
import type { RunReport, RunTask } from "./pretrain-process.ts";
import { warnThroughNode } from "./warnings.ts";

/**
 * `pretrain` in a process of its own: this thread stays free, for a server that answers requests or a window that is drawn. Events
 * come as they are logged; the signal ends the run after the step that it is in, saved. Should this process end first, the run saves
 * and ends too; `resume` goes on with it.
 *
 * The data are a path or a known name, and the method is one of Selfsight's: an open dataset or a method of one's own does not
 * cross to another process. Errors: those of `pretrain`; memory, when the system ended the process; a CallError for such data.
 */
export async function pretrainInProcess(
  data: string,
  settings: RunSettings = {},
  { signal, onEvent, ...options }: PretrainOptions = {},
): Promise<PretrainResult> {
  if (typeof data !== "string" || typeof settings.method === "object") throw cannotCross();
  const child = forked();
  const task: RunTask = { data, settings, options };
  const stop = () => void (child.connected && child.send("stop", () => {}));
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const ended = resultOf(child, onEvent);
    child.send(task, () => {});
    if (signal?.aborted) stop();
    return await ended;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function cannotCross(): CallError {
  return new CallError(
    "pretrainInProcess: an open dataset or a method of one's own was given; a path or a known name, and the name of a method, are needed; call pretrain in a process that you start",
  );
}

/** From sources (tests), Node cannot load TypeScript by itself and goes through jiti. */
function forked(): ChildProcess {
  const isSource = import.meta.url.endsWith(".ts");
  const body = new URL(isSource ? "./pretrain-process.ts" : "./pretrain-process.js", import.meta.url);
  return fork(body, { execArgv: isSource ? ["--import", "jiti/register"] : [] });
}

const warnOnly = (event: LogEvent): void => {
  if (event.event === "warning") warnThroughNode(event.message);
};

/** What the run came to; without a listener, warnings go where `pretrain` sends them. */
function resultOf(child: ChildProcess, onEvent: RunOptions["onEvent"] = warnOnly): Promise<PretrainResult> {
  return new Promise((resolve, reject) => {
    child.on("message", (report: RunReport) => {
      if (report.kind === "event") onEvent(report.event);
      else if (report.kind === "ended") resolve(report.result);
      else reject(new SelfsightError(report.failure.kind, report.failure.message));
    });
    child.on("error", (cause) => reject(died(`could not be started (${cause.message})`, "bug")));
    child.on("close", (code, signal) =>
      reject(
        died(signal ? `was ended by ${signal}` : `ended with code ${code}`, signal === "SIGKILL" ? "memory" : "bug"),
      ),
    );
  });
}

/** SIGKILL is what the kernel sends when memory runs out. */
const died = (how: string, kind: "memory" | "bug") =>
  new SelfsightError(
    kind,
    `pretrainInProcess: the run's process ${how}; what it saved is whole; go on with resume, with a smaller batch where memory ran out`,
  );
