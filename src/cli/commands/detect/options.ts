import { type Command, Option } from "@commander-js/extra-typings";
import { shareFromZero } from "../../terminal/numbers.ts";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addDetect(program: Command): void {
  program
    .command("detect")
    .description("find objects in pictures by a trained detector")
    .usage("<run> <images...> [options]")
    .argument("<run>", "folder that `selfsight evaluate detect` or `segment` trained a detector in")
    .argument("<images...>", "picture files")
    .addOption(
      new Option("--threshold <share>", "less sure objects are not reported (default: 0.5)").argParser(shareFromZero),
    )
    .option("--out <folder>", "write detections.json, and each picture with what was found drawn onto it")
    .option("--device <device>", "auto, cpu, cuda or cuda:N (default: auto)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  selfsight detect runs/raccoon photo.jpg
  selfsight detect runs/raccoon photos/*.jpg --threshold 0.8 --out found/
  selfsight detect runs/nuclei scan.png --json`,
    )
    .action(async (run, images, options) => (await import("./run.ts")).detect(run, images, options));
}
