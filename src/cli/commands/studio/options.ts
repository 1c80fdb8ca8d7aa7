import type { Command } from "@commander-js/extra-typings";
import { sizeOption } from "../../terminal/shared-options.ts";

export function addStudio(program: Command): void {
  program
    .command("studio")
    .description(
      "views of a few pictures by a recipe, for programs: a request a line on standard input, an answer a line",
    )
    .argument("<data>", "folder of pictures (recursive), or cifar10, cifar100, fashion-mnist, shapes")
    .addOption(sizeOption())
    .addHelpText(
      "after",
      `
Views are made by the kernels that training uses: those of a picture are what a run with this seed sees of it in this epoch.
It ends when its input ends.

Example:
  echo '{"id":1,"pictures":4,"views":[...]}' | selfsight studio shapes`,
    )
    .action(async (data, options) => (await import("./run.ts")).studio(data, options));
}
