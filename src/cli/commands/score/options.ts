import { type Command, Option } from "@commander-js/extra-typings";
import { jsonOption } from "../../terminal/shared-options.ts";

export function addScore(program: Command): void {
  program
    .command("score")
    .description("score a file of detections against annotations, as COCO does")
    .argument("<results>", "detections in COCO's result format (.json)")
    .requiredOption(
      "--data <annotations>",
      "a COCO JSON file, or a folder in the layout of COCO or PASCAL VOC (required)",
    )
    .addOption(new Option("--boxes", "lay boxes over one another (default)").conflicts("masks"))
    .option("--masks", "lay masks over one another")
    .option("--any-class", "a detection may belong to an object of any class")
    .option("--split <split>", "part of the annotations, by its name there, or train, val or test (default: all)")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The numbers are those of pycocotools. The pictures need not be there. Each result is
{"image_id", "category_id", "bbox": [left, top, width, height] or "segmentation", "score"}.

Examples:
  selfsight score found.json --data coco/annotations/instances_val2017.json
  selfsight score found.json --data photos/ --split val --masks --json`,
    )
    .action(async (results, options) => (await import("./run.ts")).score(results, options));
}
