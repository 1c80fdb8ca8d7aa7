import { type Command, Option } from "@commander-js/extra-typings";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addVerify(program: Command): void {
  program
    .command("verify")
    .description("run every reference case in a folder and print the largest relative error of each")
    .argument("<folder>", "folder of reference cases (*.safetensors)")
    .addOption(
      new Option("--device <name>", "where the cases are computed; the tolerances are those of a processor")
        .choices(["auto", "cpu", "cuda"] as const)
        .default("cpu" as const),
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The cases are kept in Selfsight's repository, in test/reference.

Examples, in a clone of it:
  npx selfsight verify test/reference
  npx selfsight verify test/reference --device cuda`,
    )
    .action(async (folder, options) => (await import("./run.ts")).verify(folder, options));
}
