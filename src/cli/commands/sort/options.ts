import type { Command } from "@commander-js/extra-typings";
import { shareAboveZero, wholeNumber, wholeNumberFrom } from "../../terminal/numbers.ts";
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

export function addSort(program: Command): void {
  program
    .command("sort")
    .description("sort picture files into folders, by class or by likeness; a plan first, and a list that undoes it")
    .usage("<run> <data> --into <folder> [options]\n       selfsight sort --undo <list>")
    .argument("[run]", "run folder or weights.safetensors")
    .argument("[data]", "folder of pictures")
    .option("--into <folder>", "folder in which one sub-folder a group is made (required, but with --undo)")
    .option("--labels <list>", "by class: CSV of pictures and classes, or a folder of examples (default: by likeness)")
    .option("--sure <confidence>", "with --labels: below it a picture stays where it is (default: 0.8)", shareAboveZero)
    .option("--k <number>", "without --labels: groups (default: chosen as by cluster)", wholeNumberFrom(2))
    .option("--seed <number>", "without --labels: of the first centres (default: 0)", wholeNumber)
    .option("--go", "carry the plan out: move the files")
    .option("--link", "with --go: leave the files and make links to them")
    .option("--undo <list>", "bring back what a list (INTO/undo-N.json) says was moved, or take away its links")
    .addOption(resultsOption("sort"))
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
Nothing is touched without --go. No file is ever overwritten: where a name is taken, a number is added. The list that undoes it is written
before the first file moves.

Examples:
  selfsight sort runs/photos photos/ --into sorted/ --labels labels.csv
  selfsight sort runs/photos photos/ --into sorted/ --labels labels.csv --go
  selfsight sort runs/photos photos/ --into groups/ --k 12 --go --link
  selfsight sort --undo sorted/undo-1.json`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).sort(run, data, options));
}
