import { displayName } from "../../../errors.ts";
import type { FewShotResult, LinearProbeResult } from "../../../evaluate/index.ts";
import {
  type EvaluateOptions,
  type EvaluationReport,
  evaluate as evaluation,
  type ProtocolName,
} from "../../../work/evaluate.ts";
import { reading } from "../../terminal/reading.ts";
import { type SampleOptions, sampleRules } from "../../terminal/sample-rules.ts";
import { warn } from "../../terminal/warn.ts";

/** What the command line gives. */
type CommandOptions = EvaluateOptions & SampleOptions & { data: string; json?: true | undefined };

/** `selfsight evaluate PROTOCOL RUN_OR_WEIGHTS --data DATA`. */
export async function evaluate(protocol: string, source: string, options: CommandOptions): Promise<void> {
  const report = await evaluation(source, protocol as ProtocolName, options.data, {
    ...options,
    rules: sampleRules(options),
    warn,
    reading: () => reading(options),
  });
  const { outcomes: _, ...figures } = report; // one number an image: for a file
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  else print(report);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function print(report: EvaluationReport & Partial<FewShotResult & LinearProbeResult>): void {
  const { representation, data, seconds, std, picked } = report;
  const spread = ` ± ${(100 * (std ?? report.standardError)).toFixed(1)}`;
  console.log(
    `${report.protocol}: ${percent(report.value).replace(" %", `${spread} %`)} (${report.correct} of ${report.count}; ± ${std ? "one standard deviation over the draws" : "one standard error"})`,
  );
  console.log(
    `${representation.name}: ${representation.features} features at ${representation.size} pixels, ${representation.device}, ${representation.precision}`,
  );
  console.log(
    `${data.name}: ${data.bankImages} images as bank, ${data.queryImages} as queries; features in ${seconds.features.toFixed(1)} s, protocol in ${seconds.protocol.toFixed(1)} s`,
  );
  if (picked)
    console.log(
      `picked on a held-out fifth of the train split: learning rate ${picked.learningRate}, weight decay ${picked.weightDecay} (${percent(picked.heldOutAccuracy)} there)`,
    );
  for (const note of report.notes) console.log(`note: ${note}`);
  for (const { name, accuracy, correct, count } of report.perClass.slice(0, mostClassesPrinted))
    console.log(
      `  ${displayName(name).padEnd(20)} ${accuracy === null ? "no queries" : `${percent(accuracy)} (${correct} of ${count})`}`,
    );
  const more = report.perClass.length - mostClassesPrinted;
  if (more > 0) console.log(`  and ${more} more classes; all of them with --json`);
}

const mostClassesPrinted = 20;
