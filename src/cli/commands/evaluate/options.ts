import type { Command } from "@commander-js/extra-typings";
import { numberAboveZero, wholeNumber } from "../../terminal/numbers.ts";
import {
  bandsOption,
  jsonOption,
  precisionOption,
  rangeOption,
  sizeOption,
  splitOption,
} from "../../terminal/shared-options.ts";

export function addEvaluate(program: Command): void {
  program
    .command("evaluate")
    .description("measure a representation on labelled pictures")
    .usage("<protocol> <run> --data <data> [options]")
    .argument("<protocol>", "knn, linear or few-shot")
    .argument(
      "<run>",
      "run folder, weights.safetensors, pixels or untrained (pixels:RUN, untrained:RUN: as the run began)",
    )
    .requiredOption("--data <data>", "folder with one sub-folder a class, or a known name (required)")
    .option("--k <number>", "knn: neighbours (default: 200, at most a fifth of a class of the bank)", wholeNumber)
    .option("--temperature <number>", "knn: temperature (default: 0.1)", numberAboveZero)
    .option("--labels <number>", "few-shot: labels a class (default: 10)", wholeNumber)
    .option("--draws <number>", "few-shot: draws of labels (default: 10)", wholeNumber)
    .option("--epochs <number>", "linear: epochs (default: 100)", wholeNumber)
    .option("--seed <number>", "seed of draws, probes and hold-outs (default: 0)", wholeNumber)
    .addOption(splitOption("what is measured on (default: test)"))
    .addOption(sizeOption())
    .addOption(rangeOption("that of the run"))
    .addOption(bandsOption("those of the run"))
    .option("--limit <number>", "at most so many images of each split (default: all)", wholeNumber)
    .option("--device <device>", "auto, cpu, cuda or cuda:N (default: auto)")
    .addOption(precisionOption().default("auto" as const))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The train split is the bank, the test split the queries (--split val: the val split, for choosing). Of a folder without them, and of
--split train or all, a fifth of each class is held out to measure on.

Examples:
  selfsight evaluate knn runs/cifar10 --data cifar10
  selfsight evaluate linear untrained --data shapes
  selfsight evaluate few-shot runs/photos --data photos/ --labels 5 --json`,
    )
    .action(async (protocol, run, options) => (await import("./run.ts")).evaluate(protocol, run, options));
}
