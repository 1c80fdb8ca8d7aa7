import { describeLeftOut } from "../../../data/index.ts";
import { displayName } from "../../../errors.ts";
import { duration, figureText, type Score, verdict } from "../../../report/index.ts";
import type { Columns } from "../../../work/report/scores.ts";
import { type WrittenReport, writeReport } from "../../../work/report/write-report.ts";
import { warn as warnOnTerminal } from "../../terminal/warn.ts";

type Say = (line: string) => void;

export interface ReportOptions {
  json?: true | undefined;
  /** Told what a person should know and nobody must act on. */
  warn?: Say;
}

/** `selfsight report RUN`: measures the run, prints the table and writes report.html. */
export async function reportRun(folder: string, options: ReportOptions): Promise<void> {
  const { json } = options;
  const startedAt = performance.now();
  const written = await writeReport(folder, {
    onRow: json ? undefined : sayRow,
    warn: options.warn ?? warnOnTerminal,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const { path, scores, leftOut } = written;
  if (json) console.log(JSON.stringify({ report: path, scores, leftOut, seconds }, null, 2));
  else sayEnd(written, seconds);
}

/** A line of the table; the first brings the table's head. */
function sayRow({ name, figures }: Score, { measures, testImages, isTestSplit }: Columns): void {
  if (name === "pixels") {
    console.log(`\n${testImages} ${isTestSplit ? "test" : "held-out"} images, ± one standard error`);
    sayLine(
      "",
      measures.map(({ title }) => title),
    );
  }
  sayLine(name, figures.map(figureText));
}

const sayLine = (name: string, cells: readonly string[]): void =>
  console.log(`${name.padEnd(20)}${cells.map((cell) => cell.padStart(20)).join("")}`);

function sayEnd({ path, scores, leftOut, remarks, commands }: WrittenReport, seconds: number): void {
  const notes = [describeLeftOut(leftOut), ...remarks].filter(Boolean);
  if (notes.length > 0) console.log(`\n${notes.join("\n")}`);
  console.log(scores ? `\n${verdict(scores)}` : "\nthe pictures have no labels: a report without accuracies");
  console.log(`\nmeasured and drawn in ${duration(seconds)}; look at ${displayName(path)}`);
  for (const [purpose, command] of commands) console.log(`  ${purpose.toLowerCase().replace(/\.$/, "")}: ${command}`);
}
