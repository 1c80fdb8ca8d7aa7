import { Option } from "commander";
import { wholeNumberFrom } from "../../../terminal/numbers.ts";
import { printClassification } from "../print-classification.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

export const fewShot: ProtocolCommand<"few-shot"> = {
  description: "logistic regression on the features of a few labels, over several draws",
  options: [
    new Option("--labels <number>", "labels a class (default: 10)").argParser(wholeNumberFrom(1)),
    new Option("--draws <number>", "draws of labels (default: 10)").argParser(wholeNumberFrom(1)),
  ],
  examples: ["selfsight evaluate few-shot runs/photos --data photos/ --labels 5 --json"],
  print: (report) => printClassification(report),
};
