import { type Command, Option } from "@commander-js/extra-typings";
import { deadlineOption, processesOption } from "../../processes/options.ts";
import type { CompareOptions } from "./run.ts";

export function addCompare(program: Command): void {
  program
    .command("compare")
    .description("train several methods or settings on equal terms and put them in one table")
    .argument("[plan]", "shipped plan (see --list), or a .ts, .json or .yaml file")
    .option(
      "--out <folder>",
      "folder for the runs and table.md, table.json, table.html; the same command goes on there",
    )
    .option("--data <data>", "other pictures than the plan's: a folder or a known name")
    .option("--dry", "say what the plan would run, on what, and what is not here; train nothing")
    .option("--list", "print the shipped plans with what they cost")
    .addOption(processesOption("run the cells side by side, each one cell at a time with its part of the cores"))
    .addOption(deadlineOption("all end; finished runs stand"))
    .addOption(new Option("--json", "print the table as JSON; progress goes to the error output"))
    .addHelpText(
      "after",
      `
After an interruption the same command goes on: finished runs stand, a half-done one continues from its checkpoint. Where the
plan was changed, only the runs that it changes are done again.

Of several processes (--processes, torchrun, srun) each takes the next run that nobody has; all write into the one folder --out.

Examples:
  selfsight compare --list
  selfsight compare methods-quick --out compared/methods
  selfsight compare paper-table-4 --dry
  selfsight compare paper-table-1 --data IMAGENET --out compared/paper
  selfsight compare methods-quick --out compared/methods --processes 2
  selfsight compare my-plan.yaml --out compared/mine --json`,
    )
    .action(async (plan, options) => (await import("./run.ts")).compare(plan, options as CompareOptions));
}
