import type { Command } from "@commander-js/extra-typings";
import {
  bandsOption,
  jsonOption,
  precisionOption,
  rangeOption,
  sizeOption,
  splitOption,
} from "../../terminal/shared-options.ts";

export function addEmbed(program: Command): void {
  program
    .command("embed")
    .description("write the embedding of every picture of a folder, or of one picture, to look others up by")
    .usage("<run> <data> --out <file> [options]")
    .argument("<run>", "run folder or weights.safetensors")
    .argument("<data>", "folder of pictures, one picture, or a known name")
    .requiredOption("--out <file>", "safetensors file to write (required); FILE.json beside it has the names")
    .addOption(splitOption("part of the data; a folder that is not divided is taken whole").default("train" as const))
    .addOption(sizeOption())
    .addOption(rangeOption("that of the run"))
    .addOption(bandsOption("those of the run"))
    .addOption(precisionOption().default("fp32" as const, "fp32: others compute with these"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
FILE.json has the name of each row's picture: its path below the folder. In it a backslash stands as \\\\, a byte that is no text or
would not show as \\x and two hexadecimal digits (caf\\xe9, a\\x0ab), so that every name leads back to one file.

Examples:
  selfsight embed runs/photos photos/ --out photos.safetensors
  selfsight embed runs/photos query.jpg --out query.safetensors
  selfsight embed runs/cifar10 cifar10 --split test --out test.safetensors`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).embed(run, data, options));
}
