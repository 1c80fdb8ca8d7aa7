import { type Command, Option } from "@commander-js/extra-typings";
import { collect, wholeNumber } from "../../terminal/numbers.ts";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addSteer(program: Command): void {
  program
    .command("steer")
    .description("change settings of a run while it trains, save it or stop it")
    .argument("<run>", "folder of a run that trains")
    .option(
      "--set <key=value>",
      "a setting from the next step on: rates, weight decay, weights of the loss, views, cadences; repeatable; optimizer.learningRate=x0.5 halves it",
      collect,
    )
    .addOption(new Option("--save", "save after the step that it is in"))
    .addOption(new Option("--stop", "save and end after the step that it is in"))
    .addOption(new Option("--reorder", "order the features of the observed matrix anew"))
    .addOption(
      new Option("--wait <seconds>", "how long to wait for the answer").argParser(wholeNumber).default(60, "60"),
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Each act is an event in the run's log, and a change a line of its changes.jsonl: a run that goes on from an earlier checkpoint, or is
played again with \`pretrain --replay\`, takes it on at the same step.

Examples:
  selfsight steer runs/photos --set optimizer.learningRate=x0.5
  selfsight steer runs/photos --set lambda=0.01 --set 'views.*.jitter.hue=0.05'
  selfsight steer runs/photos --save
  selfsight steer runs/photos --stop`,
    )
    .action(async (run, options) => (await import("./run.ts")).steer(run, options));
}
