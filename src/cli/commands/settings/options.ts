import { type Command, Option } from "@commander-js/extra-typings";

export function addSettings(program: Command): void {
  program
    .command("settings")
    .description("list every setting: key, default, range and meaning")
    .argument("[method]", "method whose own settings come first", "barlow-twins")
    .addOption(new Option("--json", "print JSON for machines"))
    .addOption(new Option("--schema", "print the JSON Schema of a file of settings, for forms and editors"))
    .addHelpText(
      "after",
      `
Defaults are those of the method at 32 pixels; a recipe has its own.

Examples:
  selfsight settings
  selfsight settings moco-v2
  selfsight pretrain photos/ --method moco-v2 --set queueLength=4096 --set optimizer.learningRate=0.06`,
    )
    .action(async (method, options) => (await import("./run.ts")).listSettings(method, options));
}
