import type { Command } from "@commander-js/extra-typings";
import { wholeNumber, wholeNumberFrom } from "../../terminal/numbers.ts";
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

export function addCluster(program: Command): void {
  program
    .command("cluster")
    .description("sort pictures into groups that are alike, without any label")
    .argument("<run>", "run folder or weights.safetensors")
    .argument("<data>", "folder of pictures, or a known name")
    .option(
      "--k <number>",
      "groups (default: the number from 2 to 40 whose groups are farthest apart)",
      wholeNumberFrom(2),
    )
    .option("--seed <number>", "of the first centres (default: 0)", wholeNumber)
    .addOption(resultsOption("clusters"))
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
The same pictures, network and seed give the same groups. \`selfsight sort\` puts the files of each group into a folder.

Examples:
  selfsight cluster runs/photos photos/ --out found/
  selfsight cluster runs/photos photos/ --k 8 --json`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).cluster(run, data, options));
}
