import { type Command, Option } from "@commander-js/extra-typings";
import { wholeNumberFrom } from "../../terminal/numbers.ts";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addImport(program: Command): void {
  program
    .command("import")
    .description("make other people's weights a file that every command opens")
    .usage("<source> --out <file> [options], or --list")
    .argument(
      "[source]",
      "safetensors or PyTorch file (.pth, .pt, .pth.tar, .ckpt, .torch), http(s) address, or name of --list",
    )
    .option("--out <file>", "safetensors file to write")
    .option("--list", "list the networks that have a name here")
    .option("--take <name>", "which trunk, where the file has several (default: the trained one; of DINO the teacher)")
    .option("--partial", "take what fits where not all does; the rest stays untrained")
    .addOption(
      new Option(
        "--normalization <name>",
        "how its pictures are normalised (default: as published, or as usual)",
      ).choices(["imagenet", "swav", "half", "cifar10", "none"] as const),
    )
    .addOption(
      new Option(
        "--size <pixels>",
        "side of its pictures (default: 224, or 32 where the first layers are for small ones)",
      ).argParser(wholeNumberFrom(8, 1024)),
    )
    .option("--sha256 <digits>", "refuse another file than that with this SHA-256, or with these first digits of it")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Nothing in a file is run: a pickle that asks for anything but tensors is refused (exit code 8). The layout is told by its names.

Examples:
  selfsight import --list
  selfsight import barlow-twins-resnet50 --out barlow.safetensors
  selfsight import moco_v2_800ep_pretrain.pth.tar --out moco.safetensors
  selfsight import checkpoint.pth --take student --out student.safetensors
  selfsight import https://example.org/vit.safetensors --normalization half --out vit.safetensors`,
    )
    .action(async (source, options) => (await import("./run.ts")).importFrom(source, options));
}
