import { type Command, Option } from "commander";
import { sharingOptions } from "../../../processes/options.ts";
import { collect, wholeNumber, wholeNumberFrom } from "../../../terminal/numbers.ts";
import { jsonOption, precisionOption } from "../../../terminal/shared-options.ts";

export function addAll(evaluate: Command): void {
  const [processes, deadline] = sharingOptions();
  evaluate
    .command("all")
    .description("every protocol that the pictures allow, on one set or several")
    .usage("<run> --data <data> [--data <data> ...] [options]")
    .argument("<run>", "run folder, weights.safetensors, pixels or untrained")
    .addOption(
      new Option("--data <data>", "a folder or a known name; may be given several times (required)")
        .argParser(collect)
        .makeOptionMandatory(),
    )
    .addOption(new Option("--out <folder>", "for evaluations.json and outcomes/ (default: the run's folder)"))
    .addOption(
      new Option("--protocols <names>", "with commas between (default: all)").argParser((text) =>
        text.split(",").map((name) => name.trim()),
      ),
    )
    .addOption(
      new Option("--limit <number>", "at most so many images of each split (default: all)").argParser(
        wholeNumberFrom(1),
      ),
    )
    .addOption(
      new Option("--seed <number>", "of draws, first weights and hold-outs (default: 0)").argParser(wholeNumber),
    )
    .addOption(new Option("--device <device>", "auto, cpu, cuda or cuda:N (default: auto)"))
    .addOption(precisionOption())
    .addOption(processes)
    .addOption(deadline)
    .addOption(jsonOption())
    .showHelpAfterError("(see `selfsight evaluate all --help`)")
    .addHelpText(
      "after",
      `
What the pictures do not allow is named with the reason. Each figure is written when it is known: to evaluations.json, what each image
was worth to outcomes/ (for --against), and of a run into its report.html, beside the published figures of its method. Robustness
corrupts 1,000 test pictures; detection and segmentation take their schedule \`small\`.
Of several processes (--processes, torchrun, srun) all compute features; process 0 alone does what trains.

Examples:
  selfsight evaluate all runs/cifar10 --data cifar10
  selfsight evaluate all runs/photos --data photos/ --data voc/ --protocols knn,linear,transfer`,
    )
    .action(async (run, given) => (await import("./run.ts")).evaluateEverything(run, given));
}
