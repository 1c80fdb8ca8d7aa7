import { existsSync, statSync } from "node:fs";
import {
  compareOutcomes,
  type EvaluateOptions,
  type EvaluationReport,
  type MeasureSharing,
  evaluate as measure,
  type Outcomes,
  outcomesOf,
  type ProtocolName,
  readOutcomes,
  writeOutcomes,
} from "../../../work/index.ts";
import { type ProcessOptions, withHelpers } from "../../processes/together.ts";
import { reading } from "../../terminal/reading.ts";
import { type SampleOptions, sampleRules } from "../../terminal/sample-rules.ts";
import { warn } from "../../terminal/warn.ts";
import { printComparison } from "./print-comparison.ts";
import { protocolCommands } from "./protocols/index.ts";
import { whileTraining } from "./while-training.ts";

/** What the command line gives. */
type CommandOptions<Name extends ProtocolName> = EvaluateOptions<Name> &
  SampleOptions & {
    data: string;
    json?: true | undefined;
    against?: string | undefined;
    outcomes?: string | undefined;
  };

/** `selfsight evaluate PROTOCOL RUN_OR_WEIGHTS --data DATA`; by one process or several. */
export async function evaluate<Name extends ProtocolName>(
  protocol: Name,
  source: string,
  { processes, deadline, ...options }: CommandOptions<Name> & ProcessOptions,
): Promise<void> {
  await withHelpers(`evaluate ${protocol}`, { processes, deadline }, (sharing) =>
    evaluateWith(sharing, protocol, source, options as unknown as CommandOptions<Name>),
  );
}

async function evaluateWith<Name extends ProtocolName>(
  sharing: MeasureSharing | undefined,
  protocol: Name,
  source: string,
  options: CommandOptions<Name>,
): Promise<void> {
  const report = await measured(sharing, protocol, source, options);
  if (!report) return;
  if (options.outcomes !== undefined) writeOutcomes(options.outcomes, outcomesOf(report));
  const other =
    options.against === undefined ? undefined : await otherOutcomes(sharing, protocol, options.against, options);
  if (options.against !== undefined && !other) return; // stopped on request
  const comparison = other && compareOutcomes(outcomesOf(report), other);
  if (options.json) {
    const figures = Object.fromEntries(Object.entries(report).filter(([key]) => !perImage.includes(key)));
    console.log(JSON.stringify(comparison ? { ...figures, comparison } : figures, null, 2));
  } else {
    print(protocol, report);
    if (comparison) printComparison(comparison);
  }
}

/** One entry an image: for a file. */
const perImage = ["outcomes", "images"];

function measured<Name extends ProtocolName>(
  sharing: MeasureSharing | undefined,
  protocol: Name,
  source: string,
  options: CommandOptions<Name>,
) {
  const { against: _, outcomes: __, ...own } = options;
  return whileTraining(options, (told) =>
    measure(source, protocol, options.data, {
      ...(own as EvaluateOptions<Name>),
      ...told,
      ...(isReadBySamples(options) && { rules: sampleRules(options) }),
      warn,
      reading: () => reading(options, sharing),
      sharing,
    }),
  );
}

/** Of a file that holds them, or of another run that is measured now. */
async function otherOutcomes<Name extends ProtocolName>(
  sharing: MeasureSharing | undefined,
  protocol: Name,
  against: string,
  options: CommandOptions<Name>,
): Promise<Outcomes | undefined> {
  if (existsSync(against) && statSync(against).isFile() && against.endsWith(".json")) return readOutcomes(against);
  const report = await measured(sharing, protocol, against, options);
  return report && outcomesOf(report);
}

const print = <Name extends ProtocolName>(protocol: Name, report: EvaluationReport<Name>): void =>
  protocolCommands[protocol].print(report);

/** A protocol without rules of reading refuses them even where they say nothing. */
const isReadBySamples = ({ range, bands }: SampleOptions): boolean => range !== undefined || bands !== undefined;
