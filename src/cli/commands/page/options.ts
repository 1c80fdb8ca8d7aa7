import type { Command } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../../terminal/numbers.ts";
import {
  bandsOption,
  indexOption,
  jsonOption,
  rangeOption,
  workLimitOption,
  workPrecisionOption,
  workSplitOption,
} from "../../terminal/shared-options.ts";

export function addPage(program: Command): void {
  program
    .command("page")
    .description("make a web page that searches a folder of pictures by a picture, in the browser")
    .argument("<run>", "run folder or weights.safetensors")
    .requiredOption("--data <data>", "folder of pictures, or a known name (required)")
    .requiredOption("--out <folder>", "folder to write the page to (required)")
    .option(
      "--serve [port]",
      "give the page out on this machine until Ctrl-C (default port: 8080)",
      wholeNumberFrom(0, 65535),
    )
    .addOption(workSplitOption())
    .addOption(workLimitOption())
    .addOption(indexOption())
    .addOption(rangeOption("that of the run"))
    .addOption(bandsOption("those of the run"))
    .addOption(workPrecisionOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The page holds small pictures, features and the network; whoever opens it drops a picture in and sees what is like it, or names a few and
has all sorted. Nothing leaves the browser. It needs onnxruntime-web in the project, and a static server to be opened from.

Examples:
  selfsight page runs/photos --data photos/ --out site/ --serve
  selfsight page barlow.safetensors --data photos/ --limit 2000 --out site/`,
    )
    .action(async (run, options) => (await import("./run.ts")).page(run, options));
}
