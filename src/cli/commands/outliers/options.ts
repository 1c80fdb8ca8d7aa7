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

export function addOutliers(program: Command): void {
  program
    .command("outliers")
    .description("find pictures that are unlike all others")
    .argument("<run>", "run folder or weights.safetensors")
    .argument("<data>", "folder of pictures, or a known name")
    .option("--neighbours <number>", "nearest pictures whose distance counts (default: 10)", wholeNumberFrom(1, 1000))
    .addOption(resultsOption("outliers"))
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
An outlier may be a mistake, a rare find or a broken file that still decodes: look at the page.

Examples:
  selfsight outliers runs/photos photos/ --out found/
  selfsight outliers runs/photos photos/ --neighbours 5 --json`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).outliers(run, data, options));
}
