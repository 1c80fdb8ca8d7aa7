import { Option } from "commander";
import type { FineTuneRow } from "../../../../evaluate/index.ts";
import { numberAboveZero, wholeNumberFrom } from "../../../terminal/numbers.ts";
import { percent } from "../../../terminal/percent.ts";
import { printClassification } from "../print-classification.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

export const finetune: ProtocolCommand<"finetune"> = {
  description: "trunk and a new linear layer learn from few labels, each at a rate of its own",
  options: [
    new Option("--labels <what>", "1% of each class, 10-per-class, or a file of names (default: 1%)"),
    new Option("--freeze", "leave the trunk as it is (default: all layers learn)"),
    new Option("--backbone-rate <number>", "learning rate of the trunk (default: 0.002)").argParser(numberAboveZero),
    new Option("--head-rate <number>", "learning rate of the linear layer (default: 0.5)").argParser(numberAboveZero),
    new Option("--epochs <number>", "passes over the labelled images (default: 20)").argParser(wholeNumberFrom(1)),
    new Option("--batch <images>", "images a step; rates are not scaled by it (default: 256)").argParser(
      wholeNumberFrom(2),
    ),
    new Option(
      "--beside <row>",
      "scratch: the same network from first weights on the same labels (default: scratch)",
    ).choices(["scratch", "none"]),
    new Option("--seeds <number>", "repeats with other draws, heads and orders (default: 1)").argParser(
      wholeNumberFrom(1),
    ),
  ],
  explanation: `Rates fall to a fifth at 12/20 and at 16/20 of the epochs; SGD with momentum 0.9, random resized crops and flips; the last epoch is
measured, once. A file of names has one a line: a path below the data, a file's name, or CLASS_REST as in SimCLR's lists of 1 % and 10 %.`,
  examples: [
    "selfsight evaluate finetune runs/photos --data photos/ --labels 10%",
    "selfsight evaluate finetune runs/imagenet --data imagenet/ --labels 1percent.txt",
    "selfsight evaluate finetune runs/photos --data photos/ --labels 10-per-class --batch 32 --seeds 5 --freeze",
  ],
  print: (report) => {
    const { seeds, scratch, labels, steps } = report;
    printClassification(report, {
      spreadOf: `${seeds.length} seeds`,
      more: [
        `${labels} labels, ${steps} steps each`,
        `pretrained: ${inWords(report)}`,
        ...(scratch ? [`from first weights, same labels: ${inWords(scratch)}`] : []),
      ],
    });
  },
};

const withSpread = (value: number, std: number | null): string =>
  std === null ? percent(value) : `${percent(value).replace(" %", "")} ± ${percent(std)}`;

const inWords = ({ value, std, top5, top5Std }: FineTuneRow): string =>
  `top-1 ${withSpread(value, std)}${top5 === null ? "" : `, top-5 ${withSpread(top5, top5Std)}`}`;
