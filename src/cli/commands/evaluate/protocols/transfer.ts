import { Option } from "commander";
import { displayName } from "../../../../errors.ts";
import type { SvmResult } from "../../../../evaluate/index.ts";
import type { Circumstances } from "../../../../work/index.ts";
import { wholeNumberFrom } from "../../../terminal/numbers.ts";
import { percent } from "../../../terminal/percent.ts";
import { printCircumstances, printClassification } from "../print-classification.ts";
import type { ProtocolCommand } from "../protocol-command.ts";
import { epochWords, pickedWords } from "./linear.ts";

export const transfer: ProtocolCommand<"transfer"> = {
  description: "frozen features on another set: a linear layer, or machines for several classes a picture",
  options: [
    new Option(
      "--schedule <name>",
      "cached: as `evaluate linear`; places205, inat18: as published for these (default: cached)",
    ).choices(["cached", "places205", "inat18"]),
    new Option("--svm", "one support vector machine a class, on pictures of several classes each, as on VOC07"),
    new Option("--epochs <number>", "passes over the train split (default: the schedule's)").argParser(
      wholeNumberFrom(1),
    ),
    new Option("--batch <images>", "places205, inat18: images a step; scales the rate (default: 256)").argParser(
      wholeNumberFrom(2),
    ),
  ],
  explanation: `Places-205 and iNaturalist 2018 are folders with one sub-folder a class, in train/ and val/. With --svm the data are a VOC folder
(VOC2007, or VOCdevkit/07+12), a COCO JSON file or a folder with one, or a CSV file with a column of paths and a column of 1, 0 and -1
for each class; the cost of each class is chosen by 3-fold cross-validation on the train pictures.`,
  examples: [
    "selfsight evaluate transfer runs/photos --data other-photos/",
    "selfsight evaluate transfer barlow.safetensors --data places205/ --schedule places205",
    "selfsight evaluate transfer barlow.safetensors --data VOCdevkit/VOC2007 --svm",
  ],
  print(report) {
    if ("picked" in report) printClassification(report, { more: pickedWords(report) });
    else if ("epochs" in report) printClassification(report, { more: epochWords(report) });
    else printMachines(report);
  },
};

function printMachines(report: SvmResult & Circumstances): void {
  const measured = report.perClass.filter(({ averagePrecision }) => averagePrecision !== null);
  console.log(`${report.protocol}: mAP ${percent(report.value)} (mean over ${measured.length} classes)`);
  printCircumstances(report);
  for (const note of report.notes) console.log(`note: ${note}`);
  for (const { name, averagePrecision, cost, trainPositives, testPositives } of report.perClass)
    console.log(
      `  ${displayName(name).padEnd(20)} ${averagePrecision === null ? "not measured" : `AP ${percent(averagePrecision)}, C ${cost}`} (${trainPositives} train, ${testPositives} test)`,
    );
}
