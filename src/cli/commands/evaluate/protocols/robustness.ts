import { InvalidArgumentError, Option } from "commander";
import { displayName } from "../../../../errors.ts";
import type { RobustnessReport } from "../../../../work/index.ts";
import { wholeNumberFrom } from "../../../terminal/numbers.ts";
import { percent } from "../../../terminal/percent.ts";
import { intervalText } from "../print-comparison.ts";
import type { ProtocolCommand } from "../protocol-command.ts";

/** `1,3,5`. Errors: commander's. */
function numbers(text: string): number[] {
  const values = text.split(",").map(Number);
  if (text.trim() !== "" && values.every((value) => Number.isFinite(value))) return values;
  throw new InvalidArgumentError("Numbers with commas between are needed, such as 1,3,5.");
}

export const robustness: ProtocolCommand<"robustness"> = {
  description: "accuracy under fifteen common corruptions at five strengths",
  options: [
    new Option("--corruptions <names>", "with commas between (default: all fifteen)").argParser((text) =>
      text.split(",").map((name) => name.trim()),
    ),
    new Option("--strengths <numbers>", "from 1 (weakest) to 5, with commas between (default: all five)").argParser(
      numbers,
    ),
    new Option("--classifier <name>", "knn or linear, on frozen features of clean pictures (default: knn)").choices([
      "knn",
      "linear",
    ]),
    new Option("--pictures <number>", "at most so many test pictures are corrupted (default: all)").argParser(
      wholeNumberFrom(1),
    ),
    new Option("--beside <rows>", "baselines (pixels, untrained network) or none (default: baselines)").choices([
      "baselines",
      "none",
    ]),
  ],
  explanation: `Noise: gaussian-noise, shot-noise, impulse-noise; blur: defocus-blur, glass-blur, motion-blur, zoom-blur; weather: snow,
frost, fog, brightness; digital: contrast, elastic, pixelate, jpeg. The strengths are CIFAR-10-C's below 85 pixels, ImageNet-C's above.
The classifier learns from clean pictures of the train split; test pictures are corrupted once for all that is measured.`,
  examples: [
    "selfsight evaluate robustness runs/cifar10 --data cifar10 --limit 2000",
    "selfsight evaluate robustness runs/cifar10 --data cifar10 --corruptions fog,jpeg --strengths 1,3,5",
  ],
  print,
};

function print(report: RobustnessReport): void {
  const { protocol, value, clean, interval, corruptions, baselines, meanError, representation, data, seconds } = report;
  const range = interval ? `; 95 % interval ${intervalText(interval)}` : "";
  console.log(
    `${protocol}: ${percent(value)} under corruptions, ${percent(clean)} on clean pictures (${data.queryImages} images${range})`,
  );
  console.log(
    `${displayName(representation.name)}: ${representation.features} features at ${representation.size} pixels, ${representation.device}, ${representation.precision}; mean error ${percent(meanError)}`,
  );
  console.log(
    `\n${"accuracy, %".padEnd(18)}${corruptions[0]!.accuracies.map(({ strength }) => `strength ${strength}`.padStart(12)).join("")}${"mean".padStart(8)}`,
  );
  for (const { name, accuracies, value: mean } of corruptions)
    console.log(
      `  ${name.padEnd(16)}${accuracies.map((own) => (100 * own.value).toFixed(1).padStart(12)).join("")}${(100 * mean).toFixed(1).padStart(8)}`,
    );
  if (baselines.length > 0) console.log("");
  for (const {
    name,
    clean: cleanOther,
    value: other,
    meanCorruptionError,
    relativeMeanCorruptionError: relative,
  } of baselines)
    console.log(
      `beside ${name}: ${percent(other)} under corruptions, ${percent(cleanOther)} clean; mean corruption error ${percent(meanCorruptionError)}${relative === null ? "" : `, relative ${percent(relative)}`}`,
    );
  console.log(`\ncorrupted and classified in ${seconds.protocol.toFixed(1)} s`);
  for (const note of report.notes) console.log(`note: ${note}`);
}
