import type { Command } from "@commander-js/extra-typings";
import { sharingOptions } from "../../processes/options.ts";
import { shardOf } from "../../terminal/numbers.ts";
import {
  bandsOption,
  jsonOption,
  precisionOption,
  rangeOption,
  sizeOption,
  splitOption,
} from "../../terminal/shared-options.ts";

export function addEmbed(program: Command): void {
  const [processes, deadline] = sharingOptions();
  program
    .command("embed")
    .description("write the embedding of every picture of a folder, or of one picture, to look others up by")
    .usage("<run> <data> --out <file> [options]")
    .argument("<run>", "run folder or weights.safetensors")
    .argument("<data>", "folder of pictures, one picture, or a known name")
    .requiredOption(
      "--out <file>",
      "file to write (required): .safetensors, .npy, .parquet or .jsonl; FILE.json beside it has the names",
    )
    .addOption(splitOption("part of the data; a folder that is not divided is taken whole").default("train" as const))
    .addOption(sizeOption())
    .addOption(rangeOption("that of the run"))
    .addOption(bandsOption("those of the run"))
    .addOption(precisionOption().default("fp32" as const, "fp32: others compute with these"))
    .option("--shard <i/n>", "part i of n, from 1/n to n/n, in a file of its own; together they are the index", shardOf)
    .addOption(processes)
    .addOption(deadline)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Every 256 pictures are on disk before the next are read, in FILE.unfinished: after an interruption of any kind the same command goes on
behind them. A picture that cannot be read is named and counted, and has no row. \`selfsight search\` looks pictures up in the file.

FILE.json has the name of each row's picture: its path below the folder. In it a backslash stands as \\\\, a byte that is no text or
would not show as \\x and two hexadecimal digits (caf\\xe9, a\\x0ab), so that every name leads back to one file.

Examples:
  selfsight embed runs/photos photos/ --out photos.safetensors
  selfsight embed runs/photos query.jpg --out query.safetensors
  selfsight embed runs/cifar10 cifar10 --split test --out test.npy
  selfsight embed runs/photos photos/ --out photos.safetensors --processes 2
  selfsight embed runs/photos photos/ --out photos.parquet --shard $((SLURM_ARRAY_TASK_ID + 1))/8`,
    )
    .action(async (run, data, options) => (await import("./run.ts")).embed(run, data, options));
}
