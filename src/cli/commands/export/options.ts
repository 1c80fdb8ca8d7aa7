import { type Command, Option } from "@commander-js/extra-typings";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addExport(program: Command): void {
  program
    .command("export")
    .description("hand a trained backbone to other programs")
    .argument("<run>", "run folder, or a weights.safetensors")
    .addOption(
      new Option("--format <format>", "layout")
        .choices(["safetensors", "torchvision", "timm", "onnx", "transformers"] as const)
        .default("safetensors" as const),
    )
    .requiredOption("--out <folder>", "folder to write to (required)")
    .addOption(
      new Option("--precision <precision>", "of an ONNX file's weights and sums (default: fp32)").choices([
        "fp32",
        "fp16",
      ] as const),
    )
    .addOption(
      new Option(
        "--with-preprocessing",
        "the ONNX file takes bytes of any size; it crops, resizes and normalises itself",
      ),
    )
    .addOption(new Option("--unchecked", "write an ONNX file without comparing it with the engine"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
An ONNX file is run beside the engine before it is written; that needs onnxruntime-web or onnxruntime-node in the project.
transformers is the folder that transformers.js opens.

Examples:
  selfsight export runs/photos --format torchvision --out exported/
  selfsight export runs/photos --format onnx --with-preprocessing --out exported/
  selfsight export runs/photos --format transformers --precision fp16 --out models/photos`,
    )
    .action(async (run, options) => (await import("./run.ts")).exportTo(run, options));
}
