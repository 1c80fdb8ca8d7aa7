import type { Command } from "@commander-js/extra-typings";
import { shareAboveZero, wholeNumberFrom } from "../../terminal/numbers.ts";
import {
  bandsOption,
  jsonOption,
  rangeOption,
  resultsOption,
  sizeOption,
  workLimitOption,
  workPrecisionOption,
  workSplitOption,
} from "../../terminal/shared-options.ts";

export function addDuplicates(program: Command): void {
  program
    .command("duplicates")
    .description(
      "find pictures that are there more than once: equal bytes, equal pixels, or resized, recompressed, mirrored, cropped",
    )
    .argument("<run>", "run folder or weights.safetensors")
    .argument("<data>", "folder of pictures, or a known name")
    .option(
      "--threshold <score>",
      "score from which two pictures count as one (default: set by the pictures' own copies)",
      shareAboveZero,
    )
    .option(
      "--candidates <number>",
      "nearest pictures that each is compared with (default: 10)",
      wholeNumberFrom(1, 1000),
    )
    .addOption(resultsOption("duplicates"))
    .addOption(workSplitOption())
    .addOption(workLimitOption())
    .addOption(sizeOption())
    .addOption(rangeOption("that of the run"))
    .addOption(bandsOption("those of the run"))
    .addOption(workPrecisionOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Nothing is deleted or moved. The threshold is set without labels: copies of your own pictures say what duplicates score, pictures that
are none say what others score, and both are printed with what may be expected of the threshold.

Examples:
  selfsight duplicates runs/photos photos/
  selfsight duplicates runs/photos photos/ --out found/ --threshold 0.95`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).duplicates(run, data, options));
}
