import { type Command, Option } from "@commander-js/extra-typings";
import { deadlineOption, processesOption } from "../../processes/options.ts";
import { collect, wholeNumberFrom } from "../../terminal/numbers.ts";
import type { CollapseOptions } from "./run.ts";

export function addCollapse(program: Command): void {
  program
    .command("collapse")
    .description("see each method collapse when its guard is taken off, beside the method whole")
    .option(
      "--out <folder>",
      "folder for the runs and collapse.md, collapse.json, collapse.html; the same command goes on",
    )
    .option("--method <name>", "this method's pair only; repeatable (default: all)", collect)
    .option("--steps <number>", "steps of each run (default: 300)", wholeNumberFrom(1))
    .option("--seed <number>", "seed (default: 0)", wholeNumberFrom(0, 4294967295))
    .option("--seeds <number>", "run each for so many seeds, from --seed on (default: 1)", wholeNumberFrom(1, 1000))
    .addOption(processesOption("run the cells side by side, each one cell at a time with its part of the cores"))
    .addOption(deadlineOption("all end; finished runs stand"))
    .addOption(new Option("--json", "print the verdicts as JSON; progress goes to the error output"))
    .addHelpText(
      "after",
      `
Pictures are drawn by Selfsight itself (shapes); nothing is downloaded.

Examples:
  selfsight collapse --out compared/collapse
  selfsight collapse --out compared/seeds --seeds 5
  selfsight collapse --out compared/barlow --method barlow-twins --method simsiam`,
    )
    .action(async (options) => (await import("./run.ts")).collapse(options as CollapseOptions));
}
