import { type Command, Option } from "@commander-js/extra-typings";
import { collect, wholeNumber } from "../../terminal/numbers.ts";
import type { PretrainOptions } from "./run.ts";

export function addPretrain(program: Command): void {
  program
    .command("pretrain")
    .description("learn a representation from unlabelled pictures")
    .argument("[data]", "folder of pictures (recursive), or cifar10, cifar100, fashion-mnist, shapes")
    .option("--method <name>", "method (default: barlow-twins)")
    .option(
      "--recipe <name>",
      "shipped recipe (cifar10, cifar10/METHOD, cifar10-quick, fashion-mnist, imagenet, imagenet/METHOD, shapes), or a .ts, .json or .yaml file",
    )
    .option("--backbone <name>", "resnet18, resnet34 or resnet50 (default: resnet18)")
    .option("--size <pixels>", "side of the square views (default: 32)", wholeNumber)
    .option("--batch <images>", "images in one step, over all processes (default: 256)", wholeNumber)
    .addOption(new Option("--epochs <number>", "passes over the data (default: 100)").argParser(wholeNumber))
    .addOption(new Option("--steps <number>", "steps, in place of epochs").argParser(wholeNumber).conflicts("epochs"))
    .option("--precision <name>", "auto, bf16 or fp32 (default: auto)")
    .option("--device <name>", "auto, cpu or cuda (default: auto)")
    .option("--seed <number>", "seed (default: 0)", wholeNumber)
    .option("--out <folder>", "run folder (default: runs/DATA, numbered)")
    .option(
      "--set <key=value>",
      "any setting by its dotted key, such as optimizer.learningRate=0.3; repeatable",
      collect,
      [],
    )
    .option("--resume <run>", "go on with a run from its newest checkpoint")
    .option(
      "--accept-dataset-change",
      "resume although the pictures are no longer those of the run, told by names and sizes; where only times differ a warning says so",
    )
    .option(
      "--take-over",
      "resume although another machine seems to train in the folder; only if you know that it is gone",
    )
    .option("--json", "print JSON for machines when it ends; progress goes to standard error")
    .addHelpText(
      "after",
      `
Examples:
  selfsight pretrain photos/ --size 64 --batch 128 --epochs 50 --out runs/photos
  selfsight pretrain cifar10 --recipe cifar10
  selfsight pretrain shapes --steps 200 --set lambda=0.01 --set projector=512-512-512
  selfsight pretrain --resume runs/photos`,
    )
    .action(async (data, options) => (await import("./run.ts")).pretrain(data, options as PretrainOptions));
}
