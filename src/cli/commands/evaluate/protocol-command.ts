import type { Option } from "commander";
import type { EvaluationReport, MeasureOptions, ProtocolName } from "../../../work/index.ts";

/** How a protocol stands on the command line. Nothing here may load libtorch: it is read for every `--help`. */
export interface ProtocolCommand<Name extends ProtocolName> {
  description: string;
  /** Flags of its own options, in the order of the help. */
  options: readonly Option[];
  /** What it says of options that all have, where that differs: its own meaning of `--split`. */
  splitMeaning?: string;
  /** What RUN and DATA may be, where that differs. */
  runMeaning?: string;
  dataMeaning?: string;
  /** False where images are not worth one number each: no pair of trunks can be compared on them. */
  isPaired?: false;
  /** Options of all that would do nothing here, as the protocol itself names them. */
  without?: readonly (keyof MeasureOptions)[];
  /** Stands in the help above the examples. */
  explanation?: string;
  /** Command lines, the first as short as can be. */
  examples: readonly string[];
  /** Tells a person what was found. */
  print(report: EvaluationReport<Name>): void;
}
