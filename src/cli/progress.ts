import { Presets, SingleBar } from "cli-progress";
import colours from "picocolors";
import type { LogEvent } from "../train/index.ts";

/** Shows a run: a live line on a terminal, a plain line every few seconds in a pipe. */
export interface Progress {
  show(event: LogEvent): void;
  stop(): void;
}

const plainLineEverySeconds = 10;

export const progress = (): Progress => (process.stdout.isTTY ? liveProgress() : plainProgress());

/** What a person likes to know, in words. */
function describeStep(event: Extract<LogEvent, { event: "step" }>): string {
  const aboveFloor = event.loss - event.floor;
  const parts = [
    `loss ${number(event.loss)} (${number(aboveFloor)} above floor)`,
    `${Math.round(event.imagesPerSecond)} images/s`,
    `waiting ${Math.round(100 * event.dataWaitShare)} %`,
  ];
  return parts.join("  ");
}

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Ten marks: how many of the directions that were in use at best are in use now. */
function collapseMeter(rank: number | undefined, best: number): string {
  if (rank === undefined || best === 0) return "";
  const marks = Math.max(0, Math.min(10, Math.round((10 * rank) / best)));
  const paint = marks >= 7 ? colours.green : marks >= 3 ? colours.yellow : colours.red;
  return `rank ${rank.toFixed(0).padStart(4)} ${paint("▮".repeat(marks))}${colours.dim("▯".repeat(10 - marks))}`;
}

function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const minutes = Math.floor(seconds / 60);
  return minutes >= 60
    ? `${Math.floor(minutes / 60)} h ${minutes % 60} min left`
    : `${minutes} min ${Math.round(seconds % 60)} s left`;
}

/** Time left from the pace so far in this process. */
function pace() {
  let first: { step: number; at: number } | undefined;
  return (step: number, totalSteps: number): number => {
    first ??= { step, at: performance.now() };
    if (step === first.step) return Number.POSITIVE_INFINITY;
    return ((performance.now() - first.at) / 1000 / (step - first.step)) * (totalSteps - step);
  };
}

function liveProgress(): Progress {
  const format = `${colours.cyan("{bar}")} {value}/{total}  {text}  {meter}  {left}`;
  const bar = new SingleBar({ format, barsize: 20, hideCursor: true, linewrap: false }, Presets.rect);
  const remaining = pace();
  let totalSteps = 0;
  let best = 0;
  let meter = "";
  return {
    show(event) {
      if (event.event === "start") {
        totalSteps = event.totalSteps;
        console.log(describeStart(event));
        bar.start(totalSteps, event.step, { text: "", meter: "", left: "" });
      } else if (event.event === "step") {
        best = Math.max(best, event.effectiveRank ?? 0);
        meter = collapseMeter(event.effectiveRank, best) || meter;
        bar.update(event.step, { text: describeStep(event), meter, left: timeLeft(remaining(event.step, totalSteps)) });
      } else printAbove(() => console.log(describeOther(event)));
    },
    stop: () => bar.stop(),
  };
  function printAbove(print: () => void): void {
    process.stdout.write("\r\u001b[K");
    print();
  }
}

function plainProgress(): Progress {
  const remaining = pace();
  let shownAt = Number.NEGATIVE_INFINITY;
  let totalSteps = 0;
  return {
    show(event) {
      if (event.event === "start") {
        totalSteps = event.totalSteps;
        console.log(describeStart(event));
      } else if (event.event !== "step") console.log(describeOther(event));
      else {
        const left = remaining(event.step, totalSteps);
        const isLast = event.step === totalSteps;
        if (!isLast && performance.now() - shownAt < plainLineEverySeconds * 1000) return;
        shownAt = performance.now();
        console.log(
          `step ${event.step}/${totalSteps}  epoch ${event.epoch}  ${describeStep(event)}  ${timeLeft(left)}`.trimEnd(),
        );
      }
    },
    stop: () => {},
  };
}

function describeStart(event: Extract<LogEvent, { event: "start" }>): string {
  const rates = Object.entries(event.peakLearningRate).map(([name, rate]) => `${name} ${rate.toPrecision(3)}`);
  return [
    `${event.dataset}: ${event.images} images, ${event.totalSteps} steps of which ${event.stepsPerEpoch} make an epoch; ${(event.parameters / 1e6).toFixed(1)} M parameters`,
    `${event.device}, ${event.precision}, ${event.threads} threads, libtorch ${event.libtorch}; learning rate ${rates.join(", ")} (${event.learningRateRule})`,
    ...(event.step > 0 ? [`going on from step ${event.step}`] : []),
  ].join("\n");
}

function describeOther(event: Exclude<LogEvent, { event: "start" } | { event: "step" }>): string {
  if (event.event === "evaluation")
    return `epoch ${event.epoch + 1}: ${event.protocol}: ${(100 * event.value).toFixed(1)} %`;
  if (event.event === "checkpoint")
    return colours.dim(
      `saved step ${event.step} (${(event.bytes / 1e6).toFixed(0)} MB, ${event.seconds.toFixed(1)} s)`,
    );
  if (event.event === "warning") return colours.yellow(`warning: ${event.message}`);
  return event.reason === "complete"
    ? `done: ${event.step} steps in ${event.seconds.toFixed(0)} s`
    : `stopped after step ${event.step}`;
}
