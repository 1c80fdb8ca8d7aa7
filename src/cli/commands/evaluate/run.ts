import {
  type EvaluateOptions,
  type EvaluationReport,
  evaluate as measure,
  type ProtocolName,
} from "../../../work/index.ts";
import { reading } from "../../terminal/reading.ts";
import { type SampleOptions, sampleRules } from "../../terminal/sample-rules.ts";
import { warn } from "../../terminal/warn.ts";
import { protocolCommands } from "./protocols/index.ts";
import { whileTraining } from "./while-training.ts";

/** What the command line gives. */
type CommandOptions<Name extends ProtocolName> = EvaluateOptions<Name> &
  SampleOptions & { data: string; json?: true | undefined };

/** `selfsight evaluate PROTOCOL RUN_OR_WEIGHTS --data DATA`. */
export async function evaluate<Name extends ProtocolName>(
  protocol: Name,
  source: string,
  options: CommandOptions<Name>,
): Promise<void> {
  const report = await whileTraining(options, (told) =>
    measure(source, protocol, options.data, {
      ...options,
      ...told,
      ...(isReadBySamples(options) && { rules: sampleRules(options) }),
      warn,
      reading: () => reading(options),
    }),
  );
  if (!report) return;
  const { outcomes: _, ...figures }: EvaluationReport<Name> & { outcomes?: unknown } = report; // one number an image: for a file
  if (options.json) console.log(JSON.stringify(figures, null, 2));
  else print(protocol, report);
}

const print = <Name extends ProtocolName>(protocol: Name, report: EvaluationReport<Name>): void =>
  protocolCommands[protocol].print(report);

/** A protocol without rules of reading refuses them even where they say nothing. */
const isReadBySamples = ({ range, bands }: SampleOptions): boolean => range !== undefined || bands !== undefined;
