import { displayName } from "../../../errors.ts";
import type { ClassScore, Evaluation } from "../../../evaluate/index.ts";
import type { Circumstances } from "../../../work/index.ts";
import { percent } from "../../terminal/percent.ts";
import { intervalText } from "./print-comparison.ts";

type Classification = Evaluation & Circumstances & { std?: number | null };

const mostClassesPrinted = 20;

/** An accuracy with its spread, what it was measured with, `more` lines, notes and classes. */
export function printClassification(report: Classification, more: readonly string[] = []): void {
  const { representation, data, seconds } = report;
  console.log(headline(report));
  console.log(
    `${representation.name}: ${representation.features} features at ${representation.size} pixels, ${representation.device}, ${representation.precision}`,
  );
  console.log(
    `${data.name}: ${data.bankImages} images as bank, ${data.queryImages} as queries; features in ${seconds.features.toFixed(1)} s, protocol in ${seconds.protocol.toFixed(1)} s`,
  );
  for (const line of more) console.log(line);
  for (const note of report.notes) console.log(`note: ${note}`);
  printClasses(report.perClass);
}

function headline({ protocol, value, std, interval, correct, count }: Classification): string {
  const spread = std ? ` ± ${(100 * std).toFixed(1)} %` : " %";
  const facts = [
    `${correct} of ${count}`,
    ...(interval ? [`95 % interval ${intervalText(interval)}`] : []),
    ...(std ? ["± one standard deviation over the draws"] : []),
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
