import colours from "picocolors";
import { displayName } from "../../errors.ts";
import type { ActEvent, LogEvent } from "../../train/index.ts";

/** Shows a run: a live line on a terminal, a plain line every few seconds in a pipe. */
export interface Progress {
  show(event: LogEvent): void;
  /** A line of its own. */
  say(line: string): void;
  stop(): void;
}

const plainLineEverySeconds = 10;
const drawEverySeconds = 0.1;

export const progress = (stream: NodeJS.WriteStream = process.stdout): Progress =>
  stream.isTTY ? liveProgress(stream) : plainProgress(stream);

/** Of a process that another one speaks for. */
export const noProgress: Progress = { show: () => {}, say: () => {}, stop: () => {} };

type Step = Extract<LogEvent, { event: "step" }>;

/** What a person likes to know, in words, the most important first. */
const lossOf = ({ loss, floor }: Step): string => `loss ${number(loss)} (${number(loss - floor)} above floor)`;
const speedOf = ({ imagesPerSecond }: Step): string => `${Math.round(imagesPerSecond)} images/s`;
const waitOf = ({ dataWaitShare }: Step): string => `waiting ${Math.round(100 * dataWaitShare)} %`;

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

export function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const rounded = Math.round(seconds);
  const [hours, minutes] = [Math.floor(rounded / 3600), Math.floor(rounded / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min left`;
  return minutes > 0 ? `${minutes} min ${rounded % 60} s left` : `${rounded} s left`;
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

interface Part {
  text: string;
  paint?: (text: string) => string;
}

/** Ten marks: how well two views of a picture find each other, from none at chance to all ten. */
function recognitionMeter(recognition: number): Part {
  const marks = Math.max(0, Math.min(10, Math.round(20 * (recognition - 0.5))));
  const paint = recognition >= 0.7 ? colours.green : recognition >= 0.6 ? colours.yellow : colours.red;
  return { text: `views match ${"▮".repeat(marks)}${"▯".repeat(10 - marks)}`, paint };
}

const meterOf = ({ recognition, effectiveRank }: Step): Part[] => [
  ...(recognition === undefined ? [] : [recognitionMeter(recognition)]),
  ...(effectiveRank === undefined ? [] : [{ text: `rank ${effectiveRank.toFixed(0)}` }]),
];

/** The parts that fit into a line, from the first on, behind a bar where there is room for one. */
export function fittedLine(parts: readonly Part[], share: number, columns: number): string {
  const fitting: Part[] = [];
  let room = columns - 1;
  for (const part of parts.filter(({ text }) => text !== "")) {
    if (room < part.text.length) break;
    fitting.push(part);
    room -= part.text.length + 2;
  }
  const painted = fitting.map(({ text, paint }) => (paint ? paint(text) : text));
  return [...barOf(share, Math.min(20, room)), ...painted].join("  ");
}

function barOf(share: number, size: number): string[] {
  if (size < 6) return [];
  const done = Math.round(size * share);
  return [colours.cyan("■".repeat(done)) + colours.dim("·".repeat(size - done))];
}

/** Columns of a terminal; 80 where it does not say, as under some containers' pseudo terminals. */
export const columnsOf = ({ columns }: { columns?: number }): number => columns || 80;

function liveProgress(terminal: NodeJS.WriteStream): Progress {
  const remaining = pace();
  let [totalSteps, drawnAt, line] = [0, 0, ""];
  let meter: Part[] = [];
  const say = (text: string) => void terminal.write(`\r\u001b[K${text}\n${line}`);
  /** The last figures stay on the screen, and nothing is drawn below them again. */
  function leaveLine() {
    if (line !== "") terminal.write("\n");
    line = "";
  }
  const showStep = (event: Step) => {
    if (event.effectiveRank !== undefined) meter = meterOf(event);
    const texts = [`${event.step}/${totalSteps}`, lossOf(event), timeLeft(remaining(event.step, totalSteps))];
    const rest = [speedOf(event), waitOf(event)];
    const parts = [...texts.map((text) => ({ text })), ...meter, ...rest.map((text) => ({ text }))];
    if (performance.now() - drawnAt < 1000 * drawEverySeconds && event.step !== totalSteps) return;
    drawnAt = performance.now();
    line = fittedLine(parts, event.step / totalSteps, columnsOf(terminal));
    terminal.write(`\r${line}\u001b[K`);
  };
  return {
    say,
    show(event) {
      if (event.event === "step") return showStep(event);
      if (event.event === "start") totalSteps = event.totalSteps;
      if (event.event === "end") leaveLine();
      say(event.event === "start" ? describeStart(event) : describeOther(event));
    },
    stop: leaveLine,
  };
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  const remaining = pace();
  let shownAt = Number.NEGATIVE_INFINITY;
  let totalSteps = 0;
  const say = (line: string) => void stream.write(`${line}\n`);
  return {
    say,
    show(event) {
      if (event.event === "start") {
        totalSteps = event.totalSteps;
        say(describeStart(event));
      } else if (event.event !== "step") say(describeOther(event));
      else {
        const left = remaining(event.step, totalSteps);
        const isLast = event.step === totalSteps;
        if (!isLast && performance.now() - shownAt < plainLineEverySeconds * 1000) return;
        shownAt = performance.now();
        const parts = [`step ${event.step}/${totalSteps}`, `epoch ${event.epoch + 1}`, lossOf(event), speedOf(event)];
        say([...parts, waitOf(event), isLast ? "" : timeLeft(left)].join("  ").trimEnd());
      }
    },
    stop: () => {},
  };
}

const processesOf = ({ processes }: { processes?: number }): string =>
  processes === undefined ? "" : `${processes} processes of `;

function describeStart(event: Extract<LogEvent, { event: "start" }>): string {
  const rates = Object.entries(event.peakLearningRate).map(([name, rate]) => `${name} ${rate.toPrecision(3)}`);
  return [
    `${event.dataset}: ${event.images} images, ${event.totalSteps} steps of which ${event.stepsPerEpoch} make an epoch; ${(event.parameters / 1e6).toFixed(1)} M parameters`,
    ...(event.division ? [`divided: ${event.division}`] : []),
    `${event.device}, ${event.precision}, ${processesOf(event)}${event.threads} threads, libtorch ${event.libtorch}; learning rate ${rates.join(", ")} (${event.learningRateRule})${warmupOf(event)}`,
    ...(event.step > 0 ? [`going on from step ${event.step}`] : []),
  ].join("\n");
}

function warmupOf({ warmupSteps, warmupRule }: Extract<LogEvent, { event: "start" }>): string {
  if (warmupSteps === 0 && warmupRule === "") return "";
  return `; warm-up ${warmupSteps} steps${warmupRule && ` (${warmupRule})`}`;
}

function describeExtension(event: Extract<LogEvent, { event: "extension" }>): string {
  const { step, fromSteps, toSteps, learningRate, rateBefore } = event;
  return `the run ended at step ${fromSteps} and now ends at step ${toSteps}: from step ${step} on the learning rate follows the schedule of a run of that length, ${learningRate.toPrecision(3)} here, where it was ${rateBefore.toPrecision(3)}`;
}

function describeOther(event: Exclude<LogEvent, { event: "start" } | { event: "step" }>): string {
  if (event.event === "evaluation")
    return `epoch ${event.epoch + 1}: ${event.protocol}: ${(100 * event.value).toFixed(1)} %`;
  if (event.event === "extension") return describeExtension(event);
  if (event.event === "checkpoint")
    return colours.dim(
      `saved step ${event.step} (${(event.bytes / 1e6).toFixed(0)} MB, ${event.seconds.toFixed(1)} s)`,
    );
  if (event.event === "act") return describeAct(event);
  if (event.event === "warning") return colours.yellow(`warning: ${event.message}`);
  return event.reason === "complete"
    ? `done: ${event.step} steps in ${event.seconds.toFixed(0)} s`
    : `stopped after step ${event.step}`;
}

/** An act for people: what was asked, by whom, and what came of it. */
export function describeAct({ act, step, who, via, changes = [], reason, asked }: ActEvent): string {
  const by = colours.dim(`(${displayName(who)}, ${displayName(via)})`);
  if (act === "refused") return colours.yellow(`refused${asked ? ` to ${asked}` : ""}: ${displayName(reason ?? "")}`);
  if (act !== "set") return `asked to ${act} after step ${step} ${by}`;
  const listed = changes.map(({ key, from, to }) => `${key} ${JSON.stringify(from)} -> ${JSON.stringify(to)}`);
  return `from step ${step + 1} on: ${displayName(listed.join(", "))} ${by}`;
}
