import { displayName } from "../../../errors.ts";
import type { ClassScore, Evaluation } from "../../../evaluate/index.ts";
import type { Circumstances } from "../../../work/index.ts";
import { percent } from "../../terminal/percent.ts";
import { intervalText } from "./print-comparison.ts";

type Classification = Evaluation & Circumstances & { std?: number | null };

const mostClassesPrinted = 20;

export interface Told {
  /** What `std` is the standard deviation over. */
  spreadOf?: string;
  /** Lines below those that all have. */
  more?: readonly string[];
}

/** An accuracy with its spread, what it was measured with, more lines, notes and classes. */
export function printClassification(report: Classification, { spreadOf = "the draws", more = [] }: Told = {}): void {
  console.log(headline(report, spreadOf));
  printCircumstances(report);
  for (const line of more) console.log(line);
  for (const note of report.notes) console.log(`note: ${note}`);
  printClasses(report.perClass);
}

/** With which network and pictures, and how long it took. */
export function printCircumstances({ representation, data, seconds }: Circumstances): void {
  console.log(
    `${representation.name}: ${representation.features} features at ${representation.size} pixels, ${representation.device}, ${representation.precision}`,
  );
  console.log(`${data.name}: ${data.bankImages} images as bank, ${data.queryImages} as queries; ${timesOf(seconds)}`);
}

const timesOf = ({ features, protocol }: Circumstances["seconds"]): string =>
  `${features > 0 ? `features in ${features.toFixed(1)} s, ` : ""}protocol in ${protocol.toFixed(1)} s`;

function headline({ protocol, value, std, interval, correct, count }: Classification, spreadOf: string): string {
  const spread = std ? ` ± ${(100 * std).toFixed(1)} %` : " %";
  const facts = [
    `${correct} of ${count}`,
    ...(interval ? [`95 % interval ${intervalText(interval)}`] : []),
    ...(std ? [`± one standard deviation over ${spreadOf}`] : []),
  ];
  return `${protocol}: ${percent(value).replace(" %", spread)} (${facts.join("; ")})`;
}

function printClasses(perClass: readonly ClassScore[]): void {
  for (const { name, accuracy, correct, count } of perClass.slice(0, mostClassesPrinted))
    console.log(
      `  ${displayName(name).padEnd(20)} ${accuracy === null ? "no queries" : `${percent(accuracy)} (${correct} of ${count})`}`,
    );
  const more = perClass.length - mostClassesPrinted;
  if (more > 0) console.log(`  and ${more} more classes; all of them with --json`);
}
