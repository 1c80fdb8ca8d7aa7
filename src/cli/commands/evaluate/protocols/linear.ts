import { Option } from "commander";
import { wholeNumberFrom } from "../../../terminal/numbers.ts";
import { percent } from "../../../terminal/percent.ts";
import { printClassification } from "../print-classification.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

export const linear: ProtocolCommand<"linear"> = {
  description: "one linear layer on the frozen features",
  options: [
    new Option("--epochs <number>", "passes over the train split (default: 100)").argParser(wholeNumberFrom(1)),
  ],
  examples: [
    "selfsight evaluate linear runs/cifar10 --data cifar10",
    "selfsight evaluate linear untrained --data shapes",
  ],
  print: ({ picked, ...report }) =>
    printClassification(report, [
      `picked on a held-out fifth of the train split: learning rate ${picked.learningRate}, weight decay ${picked.weightDecay} (${percent(picked.heldOutAccuracy)} there)`,
    ]),
};
