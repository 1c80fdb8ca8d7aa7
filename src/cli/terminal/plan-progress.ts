import type { PlanProgress } from "../../compare/index.ts";
import { displayName } from "../../errors.ts";
import type { LogEvent } from "../../train/index.ts";
import { columnsOf } from "./progress.ts";

type CellProgress = Exclude<PlanProgress, { kind: "plan" | "pace" }>;

const plainLineEverySeconds = 15;

/** Shows a plan: one line that moves on a terminal, a plain line now and then in a pipe. */
export function planProgress(output: NodeJS.WriteStream) {
  const isLive = output.isTTY;
  const pace = cellPace();
  let shownAt = 0;
  const warned = new Set<string>();
  const line = (text: string) => output.write(`${isLive ? "\r\u001b[K" : ""}${text}\n`);
  const move = (text: string) => {
    if (isLive) output.write(`\r\u001b[K${text.slice(0, columnsOf(output) - 1)}`);
    else if (performance.now() - shownAt > 1000 * plainLineEverySeconds) {
      shownAt = performance.now();
      output.write(`${text}\n`);
    }
  };
  function show(progress: PlanProgress): void {
    if (progress.kind === "plan") line(`${progress.cells} runs on ${displayName(progress.data)}`);
    else if (progress.kind === "pace")
      line(`${progress.label}: ${progress.minutes} minutes are ${progress.steps} steps here`);
    else showCell(progress, `[${progress.number}/${progress.cells}] ${progress.label}, seed ${progress.seed}`);
  }
  function showCell(progress: CellProgress, head: string): void {
    if (progress.kind === "start") pace.restart();
    if (progress.kind === "event") showEvent(head, progress.event);
    else if (progress.kind === "failed") line(`${head}: failed: ${displayName(progress.failure.message)}`);
    else line(`${head}: ${{ start: "starts", kept: "stands", done: "done" }[progress.kind]}`);
  }
  /** All cells read the same folder. */
  function warn(head: string, message: string): void {
    if (!warned.has(message)) line(`${head}: warning: ${displayName(message)}`);
    warned.add(message);
  }
  function showEvent(head: string, event: LogEvent): void {
    if (event.event === "start" && event.step > 0) line(`${head}: goes on from step ${event.step}`);
    if (event.event === "start") pace.begin(event);
    if (event.event === "warning") warn(head, event.message);
    if (event.event === "end" && event.reason === "complete") move(`${head}: measuring`);
    if (event.event === "step")
      move(
        `${head}: step ${event.step}/${pace.totalSteps()}  loss ${event.loss.toPrecision(4)}  ${Math.round(event.imagesPerSecond)} images/s  ${pace.left(event.step)}`,
      );
  }
  return { show, stop: () => void (isLive && output.write("\r\u001b[K")) };
}

/** Time left of a cell, by its own pace. */
function cellPace() {
  let first = { step: 0, at: performance.now() };
  let total = 0;
  return {
    restart: () => {
      total = 0;
    },
    begin: ({ step, totalSteps }: Extract<LogEvent, { event: "start" }>) => {
      first = { step, at: performance.now() };
      total = totalSteps;
    },
    totalSteps: () => total,
    left(step: number): string {
      const seconds = ((performance.now() - first.at) / 1000 / Math.max(1, step - first.step)) * (total - step);
      return seconds < 90 ? `${Math.round(seconds)} s left` : `${Math.round(seconds / 60)} min left`;
    },
  };
}
