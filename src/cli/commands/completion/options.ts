import { Argument, type Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { shells } from "./shells.ts";

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print a script that completes commands, options and names in a shell")
    .addArgument(new Argument("<shell>", "whose script").choices(shells))
    .addHelpText(
      "after",
      `
It completes the word selfsight, so that must be a command; where it is not on the path: alias selfsight='npx selfsight'.

Examples:
  bash   echo 'source <(selfsight completion bash)' >> ~/.bashrc
  zsh    echo 'source <(selfsight completion zsh)' >> ~/.zshrc      behind compinit
  fish   selfsight completion fish > ~/.config/fish/completions/selfsight.fish`,
    )
    .action(async (shell) =>
      (await import("./run.ts")).printCompletion(shell, program as unknown as CommandUnknownOpts),
    );
}
