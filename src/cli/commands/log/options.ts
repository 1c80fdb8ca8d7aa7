import type { Command } from "@commander-js/extra-typings";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addLog(program: Command): void {
  program
    .command("log")
    .description("write a run's log as CSV or for TensorBoard, or show what was asked of it")
    .argument("<run>", "run folder")
    .option("--csv <file>", "a row for each logged step, a column for each number")
    .option("--tensorboard <folder>", "event files, for `tensorboard --logdir FOLDER`")
    .option("--acts", "print what was asked of the run while it trained: who, when, at which step, old and new")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
\`selfsight pretrain … --tensorboard\` writes the events while it trains.

Examples:
  selfsight log runs/photos --acts
  selfsight log runs/photos --csv photos.csv
  selfsight log runs/photos --tensorboard boards/photos`,
    )
    .action(async (run, options) => (await import("./run.ts")).log(run, options));
}
