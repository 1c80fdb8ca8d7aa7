import { type Command, Option } from "@commander-js/extra-typings";

export function addRuns(program: Command): void {
  program
    .command("runs")
    .description("list runs: state, method, step, kNN, size and age")
    .argument("[folder]", "a run, or a folder with runs below it", "runs")
    .option("--prune", "show which older checkpoints of finished runs would be deleted")
    .addOption(new Option("--yes", "with --prune: delete them"))
    .addOption(new Option("--json", "print JSON for machines"))
    .addHelpText(
      "after",
      `
--prune leaves runs alone that are not finished, and of the others keeps the newest checkpoint that is whole.

Examples:
  selfsight runs
  selfsight runs compared/methods --json
  selfsight runs --prune
  selfsight runs --prune --yes`,
    )
    .action(async (folder, options) => (await import("./run.ts")).listRuns(folder, options));
}
