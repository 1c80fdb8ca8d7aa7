// Detection and instance segmentation as commands.
import { Option } from "commander";
import type { DetectionReport } from "../../../../work/index.ts";
import { wholeNumberFrom } from "../../../terminal/numbers.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

const options = [
  new Option("--schedule <name>", "settings of the training (default: small)").choices(["voc", "coco-1x", "small"]),
  new Option(
    "--steps <number>",
    "training steps; the rate's drops and warm-up keep their shares (default: the schedule's)",
  ).argParser(wholeNumberFrom(1)),
  new Option(
    "--seeds <number>",
    "so many detectors, each with a seed of its own from --seed on (default: 1)",
  ).argParser(wholeNumberFrom(1, 100)),
  new Option(
    "--out <folder>",
    "folder of the detector; one that was interrupted there is gone on with (default: a new one below runs)",
  ),
  new Option("--set <key=value...>", "any setting of the schedule, such as learningRate=0.01 or crop=128"),
];

const explanation = `DATA is annotated: a folder in PASCAL VOC's layout, or a COCO JSON file, or the folder that holds one. The detector learns from its
train split; without parts, a fifth of the pictures is held out. --split train measures on what was learned from, to see whether it can be learned.

Schedules: voc and coco-1x are the paper's (24k and 90k steps of 16 pictures), small is for some dozens of pictures on two cores.`;

const shared = {
  options,
  explanation,
  splitMeaning: "what is measured on (default: test)",
  runMeaning: "run folder or weights.safetensors of a residual network, or untrained (untrained:RUN: as the run began)",
  dataMeaning: "annotated pictures: a folder in PASCAL VOC's layout, a COCO JSON file, or the folder that holds one",
  isPaired: false,
  without: ["size", "rules"],
} satisfies Partial<ProtocolCommand<"detect">>;

export const detect: ProtocolCommand<"detect"> = {
  ...shared,
  description: "train a Faster R-CNN on the trunk, all of it, and measure its boxes",
  examples: [
    "selfsight evaluate detect runs/photos --data raccoon/",
    "selfsight evaluate detect runs/imagenet --data VOCdevkit/07+12 --schedule voc --split test --seeds 5",
    "selfsight evaluate detect untrained --data raccoon/ --steps 200 --out runs/raccoon",
  ],
  print,
};

export const segment: ProtocolCommand<"segment"> = {
  ...shared,
  description: "train a Mask R-CNN on the trunk, all of it, and measure its masks and boxes",
  examples: [
    "selfsight evaluate segment runs/cells --data nuclei/",
    "selfsight evaluate segment runs/imagenet --data coco/ --schedule coco-1x",
  ],
  print,
};

const columns = ["AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge"] as const;

function print(report: DetectionReport): void {
  const { representation, data, boxes, masks, voc } = report;
  console.log(report.protocol);
  console.log(
    `${representation.name}: ${representation.backbone} of width ${representation.width}, stem ${representation.stem}, ${representation.device}, ${representation.precision}`,
  );
  console.log(
    `${data.name}: learned from ${data.trainImages} pictures, measured on ${data.testImages}; ${data.classes.length} classes; ${report.seconds.toFixed(0)} s`,
  );
  console.log(["".padEnd(8), ...columns.map((name) => name.padStart(13))].join(""));
  for (const [name, numbers] of [
    ["boxes", boxes],
    ["masks", masks],
  ] as const)
    if (numbers)
      console.log([name.padEnd(8), ...columns.map((column) => shown(numbers[column]).padStart(13))].join(""));
  console.log(
    `VOC's AP50 of boxes: ${shown(voc.elevenPoints.AP50)} at eleven recalls (2007), ${shown(voc.area.AP50)} as an area (2010 and later)`,
  );
  for (const { seed, folder } of report.seeds) console.log(`seed ${seed}: ${folder}`);
  for (const note of report.notes) console.log(`note: ${note}`);
}

function shown({ mean, std }: { mean: number | null; std: number | null }): string {
  if (mean === null) return "-";
  return std === null ? (100 * mean).toFixed(1) : `${(100 * mean).toFixed(1)} ± ${(100 * std).toFixed(1)}`;
}
