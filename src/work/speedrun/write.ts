// speedrun.json and speedrun.md in a run's folder, and above several runs those of all.
import { join } from "node:path";
import { displayName } from "../../errors.ts";
import { makeFolder, writeFileDurably } from "../../files.ts";
import type { SpeedrunOutcome, SpeedrunReport, SpeedrunResult, Spread } from "./result.ts";

/** Errors: storage. */
export function writeResult(result: SpeedrunResult): void {
  writeBoth(result.folder, result, resultPage(result));
}

/** Errors: storage. */
export function writeReport(report: SpeedrunReport): void {
  makeFolder(report.folder);
  writeBoth(report.folder, report, reportPage(report));
}

function writeBoth(folder: string, content: unknown, page: string): void {
  writeFileDurably(join(folder, "speedrun.json"), `${JSON.stringify(content, null, 2)}\n`);
  writeFileDurably(join(folder, "speedrun.md"), page);
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const seconds = (value: number): string => `${value.toFixed(1)} s`;

const outcomes: Record<SpeedrunOutcome, string> = {
  reached: "reached",
  "out of time": "not reached: the time was up",
  "out of steps": "not reached: the run's steps were done",
  stopped: "stopped on request; its times cannot be compared",
};

/** One line for a terminal and a page. */
export function outcomeLine({ data, target, outcome, seconds: taken, looks }: SpeedrunResult): string {
  const best = looks.length > 0 ? `, best ${percent(Math.max(...looks.map(({ knn }) => knn)))}` : ", never measured";
  const found = outcome === "reached" ? `, ${percent(looks.at(-1)!.knn)} on held-out pictures` : best;
  return `${data}, ${target} % kNN: ${outcomes[outcome]}, ${seconds(taken.training)} of training (${seconds(taken.withMeasuring)} with measuring, ${seconds(taken.fromStart)} from the start)${found}`;
}

export function testLine({ test }: SpeedrunResult): string {
  if (!test) return "test pictures: not measured, as the run was stopped";
  const range = test.interval ? ` (95 %: ${percent(test.interval.low)} to ${percent(test.interval.high)})` : "";
  return `test pictures, measured once at the end: ${percent(test.value)}${range}; ${test.protocol}, ${test.bankImages} images as bank, ${test.queryImages} as queries`;
}

const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  [headings, headings.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const looksTable = ({ looks }: SpeedrunResult): string =>
  table(
    ["epoch", "step", "training", "with measuring", "kNN, held out"],
    looks.map(({ epoch, step, trainingSeconds, wholeSeconds, knn }) => [
      ...[String(epoch), String(step), seconds(trainingSeconds), seconds(wholeSeconds)],
      percent(knn),
    ]),
  );

/** Code spans end at a backtick. */
const code = (text: string): string => `\`${displayName(text).replaceAll("`", "'")}\``;

function circumstances({ hardware, versions, images, recipe, seed, limitMinutes, command, began }: SpeedrunResult) {
  const { device, precision, gpus, processor, cores, threads, memoryGiB } = hardware;
  return [
    `- command: ${code(command)}, begun ${began}`,
    `- recipe \`${recipe}\`, seed ${seed}, limit ${limitMinutes} minutes`,
    `- ${device}, ${precision}${gpus.length > 0 ? `, ${gpus.join(", ")}` : ""}; ${processor}, ${cores} cores, ${threads} threads, ${memoryGiB} GiB`,
    `- Selfsight ${versions.selfsight}, libtorch ${versions.libtorch}, Node ${versions.node}`,
    `- ${images.trained} images trained on, ${images.heldOut} held out of training`,
  ].join("\n");
}

function resultPage(result: SpeedrunResult): string {
  const settings = `\`\`\`json\n${JSON.stringify(result.settings, null, 2)}\n\`\`\``;
  return [
    "# Speedrun",
    outcomeLine(result),
    testLine(result),
    circumstances(result),
    looksTable(result),
    "## Settings",
    settings,
    "",
  ].join("\n\n");
}

const spread = (name: string, values: Spread | null, shown: (value: number) => string): string =>
  values
    ? `${name}: ${shown(values.min)}, ${shown(values.median)}, ${shown(values.max)} (min, median, max)`
    : `${name}: none`;

/** The lines that sum several runs up. */
export const spreadLines = ({ runs, reached, trainingSeconds, test }: SpeedrunReport): string[] => [
  `${reached} of ${runs.length} runs reached the target`,
  spread("training until then", trainingSeconds, seconds),
  spread("test pictures", test, percent),
];

function reportPage(report: SpeedrunReport): string {
  const rows = report.runs.map(({ seed, outcome, seconds: taken, looks, test }) => [
    ...[String(seed), outcome, seconds(taken.training), seconds(taken.withMeasuring)],
    looks.length > 0 ? percent(looks.at(-1)!.knn) : "",
    test ? percent(test.value) : "",
  ]);
  return [
    "# Speedrun",
    ...spreadLines(report).map((line) => `- ${line}`),
    table(["seed", "outcome", "training", "with measuring", "kNN, held out", "test"], rows),
    circumstances(report.runs[0]!),
    "Settings and every measurement stand in the folders of the seeds.",
    "",
  ].join("\n\n");
}
