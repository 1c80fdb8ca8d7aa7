import type { Command } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../../terminal/numbers.ts";

export function addUi(program: Command): void {
  program
    .command("ui")
    .description("show runs live on a page of this machine, and steer them from it")
    .argument("[folder]", "a run, or a folder with runs below it", "runs")
    .option(
      "--port <number>",
      "port to listen on (default: the first free one from 8090 on)",
      wholeNumberFrom(0, 65535),
    )
    .option(
      "--host <address>",
      "address to listen on; others than this machine's own are for networks you trust",
      "127.0.0.1",
    )
    .option("--export <folder>", "write the pages of one run as files, and serve nothing")
    .option("--read-only", "only look: nothing is started, changed or stopped from the page")
    .addHelpText(
      "after",
      `
The address that is printed has a token: whoever knows it can steer. It is drawn anew at each start, and nobody else gets in. Runs that are
started from the page go on when this command ends. Nothing is opened by itself, and nothing leaves this machine.

Examples:
  selfsight ui                              all runs in runs/
  selfsight ui runs/photos --port 9000
  selfsight ui compared/methods --read-only
  selfsight ui runs/photos --export site/   one run as files, for a browser without a server`,
    )
    .action(async (folder, options) => (await import("./run.ts")).ui(folder, options));
}
