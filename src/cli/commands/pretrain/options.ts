import { type Command, Option } from "@commander-js/extra-typings";
import { deadlineOption, processesOption } from "../../processes/options.ts";
import { collect, wholeNumberFrom } from "../../terminal/numbers.ts";
import { bandsOption, rangeOption } from "../../terminal/shared-options.ts";
import { type SettingFlag, settingFlags } from "./flags.ts";
import type { PretrainOptions } from "./run.ts";

/** An option that is a setting; where the setting has another name, the help says it. */
function setting(flag: SettingFlag, value: string, text: string): Option {
  const key = settingFlags[flag];
  return new Option(`--${flag} <${value}>`, key === flag ? text : `${text}; the setting ${key}`);
}

export function addPretrain(program: Command): void {
  program
    .command("pretrain")
    .description("learn a representation from unlabelled pictures")
    .argument("[data]", "folder of pictures (recursive), or cifar10, cifar100, fashion-mnist, shapes")
    .optionsGroup("Settings with an option of their own:")
    .addOption(setting("method", "name", "method (default: barlow-twins)"))
    .addOption(
      setting("backbone", "name", "resnet18, resnet34, resnet50, vit-tiny, vit-small or vit-base (default: resnet18)"),
    )
    .addOption(setting("size", "pixels", "side of the square views (default: 32)").argParser(wholeNumberFrom(8, 1024)))
    .addOption(
      setting("batch", "images", "images in one step, over all processes (default: 256)").argParser(wholeNumberFrom(1)),
    )
    .addOption(setting("epochs", "number", "passes over the data (default: 100)").argParser(wholeNumberFrom(1)))
    .addOption(
      setting("steps", "number", "steps, in place of epochs").argParser(wholeNumberFrom(1)).conflicts("epochs"),
    )
    .addOption(setting("precision", "name", "auto, bf16 or fp32 (default: auto)"))
    .addOption(setting("device", "name", "auto, cpu or cuda (default: auto)"))
    .addOption(setting("seed", "number", "seed (default: 0)").argParser(wholeNumberFrom(0, 4294967295)))
    .addOption(rangeOption("as the file declares them"))
    .addOption(bandsOption("the file's colours"))
    .optionsGroup("All other settings:")
    .option(
      "--set <key=value>",
      "any setting by its dotted key, such as optimizer.learningRate=0.3; repeatable; `selfsight settings` lists them",
      collect,
    )
    .option(
      "--recipe <name>",
      "shipped recipe (cifar10, cifar10/METHOD, cifar10-quick, cifar10-speedrun-80 or -90, fashion-mnist, imagenet, imagenet/METHOD, shapes, shapes-speedrun), or a .ts, .json or .yaml file of settings",
    )
    .addOption(new Option("--config <file>", "the same as --recipe").conflicts("recipe"))
    .optionsGroup("The run:")
    .option("--out <folder>", "run folder (default: runs/DATA, numbered)")
    .option(
      "--from <run>",
      "begin with the trunk of another run or of a weights.safetensors; the heads too where they fit; RUN@STEP or RUN@newest forks that run: its settings, pictures, optimizer and steps, as far as they still fit",
    )
    .addOption(
      new Option(
        "--replay <run>",
        "do again what a run did: its settings, pictures and each change that it was steered by, at the same steps",
      ).conflicts(["from", "resume"]),
    )
    .addOption(new Option("--resume <run>", "go on with a run from its newest checkpoint").conflicts("from"))
    .option("--accept-dataset-change", "resume although the pictures are no longer those of the run")
    .option(
      "--take-over",
      "resume although another machine seems to train in the folder; only if you know that it is gone",
    )
    .addOption(
      processesOption(
        "train as one, each with its part of every batch and of the cores; results are those of one process",
      ),
    )
    .addOption(deadlineOption("the run ends, saved as it last was"))
    .option("--tensorboard", "write TensorBoard's events into the run's folder while it trains")
    .option("--json", "print JSON for machines when it ends; progress goes to standard error")
    .addHelpText(
      "after",
      `
Of a setting that is said more than once, --set wins over an option, an option over the recipe, the recipe over the defaults.

On several machines it needs no option: under torchrun --no-python, srun or Kubernetes it takes its place from the environment.

--resume with --epochs or --steps gives a run another length, counted from its beginning. From where it stands it follows the
schedule of a run that was planned so: the learning rate rises where it had come down.

Examples:
  selfsight pretrain photos/ --size 64 --batch 128 --epochs 50 --out runs/photos
  selfsight pretrain cifar10 --recipe cifar10
  selfsight pretrain photos/ --config my-settings.yaml
  selfsight pretrain shapes --steps 200 --set lambda=0.01 --set projector=512-512-512
  selfsight pretrain more-photos/ --from runs/photos --epochs 20
  selfsight pretrain --from runs/photos@4000 --set lambda=0.01 --out runs/photos-lambda
  selfsight pretrain --replay runs/photos --out runs/photos-again
  selfsight pretrain --resume runs/photos
  selfsight pretrain --resume runs/photos --epochs 200
  selfsight pretrain photos/ --processes 2`,
    )
    .action(async (data, options) => (await import("./run.ts")).pretrain(data, options as unknown as PretrainOptions));
}
