import { type Command, Option } from "@commander-js/extra-typings";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addExport(program: Command): void {
  program
    .command("export")
    .description("hand a trained backbone to other programs")
    .argument("<run>", "run folder")
    .addOption(
      new Option("--format <format>", "layout")
        .choices(["safetensors", "torchvision"] as const)
        .default("safetensors" as const),
    )
    .requiredOption("--out <folder>", "folder to write to (required)")
    .addOption(jsonOption())
    .addHelpText("after", "\nExample:\n  selfsight export runs/photos --format torchvision --out exported/")
    .action(async (run, options) => (await import("./run.ts")).exportTo(run, options));
}
