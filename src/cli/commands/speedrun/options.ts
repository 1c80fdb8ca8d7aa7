import { type Command, Option } from "@commander-js/extra-typings";
import { collect, numberAboveZero, wholeNumberFrom } from "../../terminal/numbers.ts";
import type { SpeedrunCommandOptions } from "./run.ts";

export function addSpeedrun(program: Command): void {
  program
    .command("speedrun")
    .description("the shortest time to a stated kNN accuracy, by our best recipe for it")
    .argument("<data>", "cifar10, or shapes, which needs no files")
    .option(
      "--target <per cent>",
      "kNN accuracy on held-out training pictures (default: 80 on cifar10, 40 on shapes)",
      numberAboveZero,
    )
    .option(
      "--out <folder>",
      "run folder, of several seeds the one above theirs (default: runs/speedrun-DATA, numbered)",
    )
    .option(
      "--limit-minutes <number>",
      "end without the target after so long (default: twice the recipe's goal: 10, above a target of 80 on cifar10 60)",
      numberAboveZero,
    )
    .option("--device <name>", "auto, cpu or cuda (default: auto)")
    .option("--seed <number>", "seed (default: 0)", wholeNumberFrom(0, 4294967295))
    .option("--seeds <number>", "one run for so many seeds, from --seed on (default: 1)", wholeNumberFrom(1, 1000))
    .option("--set <key=value>", "any setting of the recipe by its dotted key, as in pretrain; repeatable", collect)
    .addOption(new Option("--json", "print JSON for machines when it ends; progress goes to standard error"))
    .addHelpText(
      "after",
      `
The time runs from the first step's start to the end of the step after which kNN on held-out training pictures reaches the target;
measuring is left out, and printed too. Then the test pictures are measured, once. Outcomes: reached, out of time (--limit-minutes),
out of steps (the recipe's own end), stopped. All end with exit code 0 but the last. docs/speedrun.md has the rules.

Examples:
  selfsight speedrun cifar10 --target 80
  selfsight speedrun cifar10 --target 90 --seeds 3 --out runs/ninety
  selfsight speedrun shapes`,
    )
    .action(async (data, options) =>
      (await import("./run.ts")).speedrunCommand(data, options as SpeedrunCommandOptions),
    );
}
