import { Option } from "commander";
import type { EpochScore, LinearProbeResult, ScheduledLinearResult } from "../../../../evaluate/index.ts";
import { wholeNumberFrom } from "../../../terminal/numbers.ts";
import { percent } from "../../../terminal/percent.ts";
import { printClassification } from "../print-classification.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

export const linear: ProtocolCommand<"linear"> = {
  description: "one linear layer on the frozen features",
  options: [
    new Option(
      "--protocol <name>",
      "cached: on features computed once; imagenet: as published, on new crops in every epoch (default: cached)",
    ).choices(["cached", "imagenet"]),
    new Option("--epochs <number>", "passes over the train split (default: 100)").argParser(wholeNumberFrom(1)),
    new Option("--batch <images>", "imagenet: images a step; scales the rate (default: 256)").argParser(
      wholeNumberFrom(2),
    ),
  ],
  examples: [
    "selfsight evaluate linear runs/cifar10 --data cifar10",
    "selfsight evaluate linear untrained --data shapes",
    "selfsight evaluate linear barlow.safetensors --data imagenet/ --protocol imagenet",
  ],
  print: (report) =>
    printClassification(report, { more: "picked" in report ? pickedWords(report) : epochWords(report) }),
};

/** What chose rate and decay. */
export const pickedWords = ({ picked }: LinearProbeResult): string[] => [
  `picked on a held-out fifth of the train split: learning rate ${picked.learningRate}, weight decay ${picked.weightDecay} (${percent(picked.heldOutAccuracy)} there)`,
];

const scoreWords = ({ epoch, top1, top5 }: EpochScore): string =>
  `epoch ${epoch}, top-1 ${percent(top1)}${top5 === null ? "" : `, top-5 ${percent(top5)}`}`;

/** Both figures that papers print. */
export const epochWords = ({ last, best }: ScheduledLinearResult): string[] => [
  `last: ${scoreWords(last)}`,
  `best: ${scoreWords(best)}`,
];
