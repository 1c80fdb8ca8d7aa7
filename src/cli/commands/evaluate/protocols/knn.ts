import { Option } from "commander";
import { numberAboveZero, wholeNumberFrom } from "../../../terminal/numbers.ts";
import { printClassification } from "../print-classification.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

export const knn: ProtocolCommand<"knn"> = {
  description: "weighted votes of the nearest neighbours in the train split",
  options: [
    new Option("--k <number>", "neighbours (default: 200, at most a fifth of a class of the bank)").argParser(
      wholeNumberFrom(1),
    ),
    new Option("--temperature <number>", "of the votes' weights (default: 0.1)").argParser(numberAboveZero),
  ],
  examples: ["selfsight evaluate knn runs/cifar10 --data cifar10"],
  print: (report) => printClassification(report),
};
