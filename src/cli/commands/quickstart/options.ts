import { type Command, Option } from "@commander-js/extra-typings";
import { collect, numberAboveZero, wholeNumberFrom } from "../../terminal/numbers.ts";

export function addQuickstart(program: Command): void {
  program
    .command("quickstart")
    .description("learn from real pictures for a few minutes and show what was learned")
    .option("--data <data>", "fashion-mnist, shapes (no network at all), cifar10 or a folder", "fashion-mnist")
    .option("--out <folder>", "run folder (default: runs/quickstart-DATA, numbered)")
    .option(
      "--minutes <number>",
      "time to train for, turned into steps by a short measurement (default: the recipe's epochs, at most 5 minutes)",
      numberAboveZero,
    )
    .option("--seed <number>", "seed", wholeNumberFrom(0, 4294967295), 0)
    .option("--set <key=value>", "any setting by its dotted key, as in pretrain; repeatable", collect)
    .addOption(new Option("--json", "print JSON for machines when it ends; progress goes to standard error"))
    .addHelpText(
      "after",
      `
The steps stand in run.json, so the same settings and seed give the same run whatever they were measured on.

Examples:
  selfsight quickstart
  selfsight quickstart --data shapes --minutes 2
  selfsight quickstart --data photos/ --set size=64 --set batchSize=128`,
    )
    .action(async (options) => (await import("./run.ts")).quickstart(options));

  program
    .command("report")
    .description("measure a run against pixels and an untrained network, and write report.html beside it")
    .argument("<run>", "run folder")
    .addOption(new Option("--json", "print JSON for machines"))
    .addHelpText("after", "\nExample:\n  selfsight report runs/photos")
    .action(async (run, options) => (await import("../report/run.ts")).reportRun(run, options));
}
