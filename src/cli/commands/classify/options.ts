import type { Command } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../../terminal/numbers.ts";
import {
  bandsOption,
  indexOption,
  jsonOption,
  rangeOption,
  resultsOption,
  sizeOption,
  workLimitOption,
  workPrecisionOption,
  workSplitOption,
} from "../../terminal/shared-options.ts";

export function addClassify(program: Command): void {
  program
    .command("classify")
    .description("name the class of every picture from the few that have one, and say which labels would teach most")
    .usage("<run> <data> --labels <list> [options]")
    .argument("<run>", "run folder or weights.safetensors")
    .argument("<data>", "folder of pictures, or a known name")
    .requiredOption(
      "--labels <list>",
      "CSV of pictures and classes, or a folder with one sub-folder of examples a class (required)",
    )
    .option("--teach <number>", "pictures to ask for next (default: 10)", wholeNumberFrom(0, 1000))
    .addOption(resultsOption("classes"))
    .addOption(workSplitOption())
    .addOption(workLimitOption())
    .addOption(indexOption())
    .addOption(sizeOption())
    .addOption(rangeOption("that of the run"))
    .addOption(bandsOption("those of the run"))
    .addOption(workPrecisionOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The CSV has two columns, a picture's path below the folder and its class; commas, semicolons or tabs. Confidence is tested on labelled
pictures that are left out in turn, and what came of that is printed.

Examples:
  selfsight classify runs/photos photos/ --labels labels.csv --out found/
  selfsight classify runs/photos photos/ --labels examples/ --json`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).classify(run, data, options));
}
