import type { Command } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../../terminal/numbers.ts";
import { jsonOption, resultsOption } from "../../terminal/shared-options.ts";

export function addSearch(program: Command): void {
  program
    .command("search")
    .description("find the pictures of an index that are most like the given ones")
    .usage("<index> <images...> [options]")
    .argument("<index>", "file that `selfsight embed` wrote; of an index in shards its common name")
    .argument("<images...>", "picture files")
    .option("--count <number>", "pictures for each (default: 10)", wholeNumberFrom(1))
    .option("--network <run>", "run folder or weights of the index, where they have moved")
    .addOption(resultsOption("search"))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
An index knows which network made it, and refuses one with other weights: vectors of two networks cannot be compared.

Examples:
  selfsight search photos.safetensors query.jpg
  selfsight search photos.safetensors a.jpg b.jpg --count 5 --out found/`,
    )
    .action(async (index, images, options) => (await import("./run.ts")).search(index, images, options));
}
