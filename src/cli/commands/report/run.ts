import { describeLeftOut } from "../../../data/index.ts";
import { displayName } from "../../../errors.ts";
import { duration, figureText, type Report, verdict } from "../../../report/index.ts";
import type { Measured, MeasuredData } from "../../../work/report/scores.ts";
import { writeReport } from "../../../work/report/write-report.ts";
import { warn as warnOnTerminal } from "../pretrain/run.ts";

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
  const { path, report } = await writeReport(folder, {
    onMeasured: json ? undefined : sayRow,
    warn: options.warn ?? warnOnTerminal,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const { scores, leftOut } = report;
  if (json) console.log(JSON.stringify({ report: path, scores, leftOut, seconds }, null, 2));
  else sayEnd(report, path, seconds);
}

/** A line of the table; the first brings the table's head. */
function sayRow({ name, queries, worth }: Measured, { test }: MeasuredData): void {
  if (!worth) return;
  if (name === "pixels") {
    console.log(`\n${queries.length} ${test ? "test" : "held-out"} images, ± one standard error`);
    sayLine(
      "",
      worth.measures.map(({ title }) => title),
    );
  }
  sayLine(name, worth.figures.map(figureText));
}

const sayLine = (name: string, cells: readonly string[]): void =>
  console.log(`${name.padEnd(20)}${cells.map((cell) => cell.padStart(20)).join("")}`);

function sayEnd({ scores, leftOut, remarks, commands }: Report, path: string, seconds: number): void {
  const notes = [describeLeftOut(leftOut), ...remarks].filter(Boolean);
  if (notes.length > 0) console.log(`\n${notes.join("\n")}`);
  console.log(scores ? `\n${verdict(scores)}` : "\nthe pictures have no labels: a report without accuracies");
  console.log(`\nmeasured and drawn in ${duration(seconds)}; look at ${displayName(path)}`);
  for (const [purpose, command] of commands) console.log(`  ${purpose.toLowerCase().replace(/\.$/, "")}: ${command}`);
}
