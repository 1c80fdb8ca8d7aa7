// A run in a process of its own: steps hold the event loop of the process that they run in.
import type { DataSource, Dataset } from "../../data/index.ts";
import { type ErrorKind, SelfsightError } from "../../errors.ts";
import type { LogEvent, RunSettings } from "../../train/index.ts";
import type { PretrainOptions, PretrainResult, ResumeOptions, RunOptions } from "../pretrain.ts";
import { warnThroughNode } from "../warnings.ts";
import { type Started, startProcess } from "./start-process.ts";

/** What the process is told; `pretrain` or `resume` with all but the functions. */
export type Order =
  | { kind: "pretrain"; data: SentData; settings: RunSettings; options: Without<PretrainOptions> }
  | { kind: "resume"; folder: string; data: SentData; settings: RunSettings; options: Without<ResumeOptions> };

type Without<Options> = Omit<Options, keyof RunOptions | "data">;

/** Pictures that were opened by name are opened there again; those that a program made itself are sent. */
export type SentData = { data?: string | Dataset | undefined } | { source: DataSource };

const sent = (data: string | Dataset | undefined): SentData =>
  typeof data === "object" && data?.source ? { source: data.source } : { data };

/** What the process says. */
export type Report =
  | { kind: "event"; event: LogEvent }
  | { kind: "ended"; result: PretrainResult }
  | { kind: "failed"; failure: { kind: ErrorKind; message: string } };

/**
 * `pretrain` in a process of its own: for programs that serve requests meanwhile. Events come as they happen, `signal` ends the
 * run after the step that it is in, saved; so does the end of this program. It takes libtorch's memory once more.
 *
 * @throws as `pretrain`; "memory" when the system killed the process; "configuration" for a method of one's own.
 */
export const pretrainInProcess = (
  data: string | Dataset,
  settings: RunSettings = {},
  { signal, onEvent, ...options }: PretrainOptions = {},
): Promise<PretrainResult> =>
  carriedOut({ kind: "pretrain", data: sent(data), settings, options }, { signal, onEvent });

/** `resume` in a process of its own, see `pretrainInProcess`. */
export const resumeInProcess = (
  folder: string,
  settings: RunSettings = {},
  { signal, onEvent, data, ...options }: ResumeOptions = {},
): Promise<PretrainResult> =>
  carriedOut({ kind: "resume", folder, data: sent(data), settings, options }, { signal, onEvent });

async function carriedOut(order: Order, { signal, onEvent = warnAlone }: RunOptions): Promise<PretrainResult> {
  refuseOwnMethod(order.settings);
  const heard: { result?: PretrainResult; error?: unknown } = {};
  const started: Started = startProcess(
    { name: "pretrain-process", from: import.meta.url },
    order,
    (report: Report) => {
      if (report.kind === "event") tell(report.event);
      else if (report.kind === "ended") heard.result = report.result;
      else heard.error ??= new SelfsightError(report.failure.kind, report.failure.message);
    },
  );
  /** A listener that throws ends the run, as it does in this process. */
  const tell = (event: LogEvent) => {
    try {
      if (!("error" in heard)) onEvent(event);
    } catch (error) {
      heard.error = error;
      started.stop();
    }
  };
  if (signal?.aborted) started.stop();
  signal?.addEventListener("abort", started.stop);
  const { kind, message } = await started.ended.finally(() => signal?.removeEventListener("abort", started.stop));
  if ("error" in heard) throw heard.error;
  return heard.result ?? refuse(kind, message);
}

function refuseOwnMethod(settings: RunSettings): void {
  const method = settings?.method; // callers without types may give null: the other side refuses it
  if (typeof method !== "object") return;
  throw new SelfsightError(
    "configuration",
    `pretrain in a process of its own: method ${method.name} is an object of this program; a method of Selfsight's is needed, because functions cannot be sent; start a program of your own that calls pretrain`,
  );
}

const warnAlone = (event: LogEvent): void => {
  if (event.event === "warning") warnThroughNode(event.message);
};

function refuse(kind: ErrorKind, message: string): never {
  throw new SelfsightError(kind, `pretrain: ${message}; what was saved stands; go on with resume`);
}
