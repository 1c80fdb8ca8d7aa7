import { Argument, type Command, Option } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../terminal/numbers.ts";

export function addBench(program: Command): void {
  program
    .command("bench")
    .description("figures of this machine, as a median over repeats")
    .addArgument(
      new Argument("<what>", "what is measured").choices([
        "step",
        "profile",
        "augment",
        "decode",
        "loss",
        "pipeline",
      ] as const),
    )
    .option("--method <name>", "step, profile: method, with the heads of its CIFAR-10 recipe", "barlow-twins")
    .option("--backbone <name>", "step, profile: backbone", "resnet18")
    .option("--width <channels>", "step, profile: channels of the first stage", wholeNumberFrom(1), 64)
    .option("--size <pixels>", "side of the views", wholeNumberFrom(8), 32)
    .option("--batch <images>", "images a step", wholeNumberFrom(2), 256)
    .option("--projector <widths>", "step, profile: projector (default for barlow-twins: 2048-2048-2048)")
    .option("--features <number>", "loss: embedding features", wholeNumberFrom(2), 8192)
    .addOption(
      new Option("--precision <name>", "auto, bf16 or fp32")
        .choices(["auto", "bf16", "fp32"] as const)
        .default("auto" as const),
    )
    .option("--device <name>", "auto, cpu or cuda", "auto")
    .option("--cuda-graph", "step: captured once and played back, as by the setting cudaGraph; on a GPU")
    .option("--threads <number>", "threads of one operation (default: all cores)", wholeNumberFrom(1))
    .option("--steps <number>", "measured repeats, after some that warm up", wholeNumberFrom(1), 10)
    .option("--data <data>", "decode, pipeline: folder of JPEG files; profile: pictures (default: noise in memory)")
    .addOption(new Option("--json", "print JSON for machines"))
    .addHelpText(
      "after",
      `
Examples:
  selfsight bench step --backbone resnet18 --size 32 --batch 64 --projector 2048-2048-2048 --precision bf16 --steps 5 --json
  selfsight bench profile --method simclr --data photos/ --size 64      where the time of a step goes
  selfsight bench loss --batch 2048 --features 8192
  selfsight bench decode --data photos/`,
    )
    .action(async (what, options) => (await import("./run.ts")).bench(what, options));
}
