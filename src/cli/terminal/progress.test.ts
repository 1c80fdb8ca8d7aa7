import { expect, it } from "vitest";
import type { LogEvent } from "../../train/index.ts";
import { fittedLine, progress, timeLeft } from "./progress.ts";

const parts = ["12/400", "loss 8.38 (8.22 above floor)", "1 min 3 s left", "316 images/s"].map((text) => ({ text }));
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is removed
const plain = (line: string) => line.replace(/\u001b\[\d+m/g, "");

it("never fills a line, and drops the least important first", () => {
  for (let columns = 1; columns < 140; columns++) {
    const line = plain(fittedLine(parts, 0.5, columns));
    expect(line.length).toBeLessThan(Math.max(columns, 1));
    const shown = parts.filter(({ text }) => line.includes(text));
    expect(shown).toEqual(parts.slice(0, shown.length));
  }
  expect(plain(fittedLine(parts, 0.5, 60))).toBe("12/400  loss 8.38 (8.22 above floor)  1 min 3 s left");
  expect(plain(fittedLine(parts, 0.25, 200))).toBe(`■■■■■···············  ${parts.map(({ text }) => text).join("  ")}`);
});

it.each([
  [0.4, "0 s left"],
  [59.6, "1 min 0 s left"],
  [125, "2 min 5 s left"],
  [3 * 3600 + 61, "3 h 1 min left"],
  [Number.POSITIVE_INFINITY, ""],
  [Number.NaN, ""],
])("says %d seconds as %j", (seconds, text) => expect(timeLeft(seconds)).toBe(text));

/** A run's last steps as a terminal of so many columns shows them: its lines as they stand in the end. */
function shownOn(columns: number | undefined): string[] {
  const lines = [""];
  const write = (text: string) => {
    for (const piece of plain(text)
      .replaceAll("\u001b[K", "")
      .split(/(\n|\r)/)) {
      if (piece === "\n") lines.push("");
      else if (piece === "\r")
        lines[lines.length - 1] = ""; // each line is drawn anew from its start
      else lines[lines.length - 1] += piece;
    }
    return true;
  };
  const display = progress({ isTTY: true, columns, write } as unknown as NodeJS.WriteStream);
  for (const event of events) display.show(event);
  display.stop();
  return lines;
}

const step = {
  event: "step",
  epoch: 0,
  loss: 8.4,
  floor: 0.1,
  learningRate: 0.1,
  imagesPerSecond: 300,
  dataWaitShare: 0,
};
const facts = { images: 64, stepsPerEpoch: 2, totalSteps: 2, parameters: 1e6, peakLearningRate: { weights: 0.1 } };
const events = [
  { event: "start", step: 0, dataset: "noise", device: "cpu", precision: "fp32", ...facts },
  { ...step, step: 1 },
  { ...step, step: 2 },
  { event: "warning", step: 2, message: "hot" },
  { event: "end", step: 2, reason: "complete", seconds: 3 },
] as unknown as LogEvent[];

it.each([80, 0, undefined])("ends a run on a terminal of %s columns with one line of figures above done", (columns) => {
  expect(shownOn(columns).slice(2)).toEqual([
    expect.stringMatching(/^warning: hot/),
    expect.stringMatching(/^.*loss 8.40 \(8.30 above floor\)/),
    "done: 2 steps in 3 s",
    "",
  ]);
});

it("says in the start line how long the run warms up, and why that is shorter than asked", () => {
  const shownOf = (warmup: { warmupSteps: number; warmupRule: string }) => {
    let text = "";
    const stream = { isTTY: false, write: (line: string) => (text += line) } as unknown as NodeJS.WriteStream;
    const start = {
      ...{ event: "start", time: "", step: 0, selfsight: "", libtorch: "2", device: "cpu", precision: "fp32" },
      ...{ batchNormImages: 8, threads: 1, peakLearningRate: { weights: 4 }, learningRateRule: "base rate 4" },
      ...{ stepsPerEpoch: 195, totalSteps: 975, images: 50000, dataset: "d", fingerprint: "", parameters: 1 },
      ...warmup,
    } as LogEvent;
    progress(stream).show(start);
    return text.trimEnd();
  };
  const rule = "warmupShare 0.1 of the run, where warmupEpochs 10 would be 1950 steps";
  expect(shownOf({ warmupSteps: 97, warmupRule: rule })).toMatch(
    /\(base rate 4\); warm-up 97 steps \(warmupShare 0\.1 .*\)$/,
  );
  expect(shownOf({ warmupSteps: 5, warmupRule: "" })).toMatch(/; warm-up 5 steps$/);
  expect(shownOf({ warmupSteps: 0, warmupRule: "" })).toMatch(/\(base rate 4\)$/);
});
