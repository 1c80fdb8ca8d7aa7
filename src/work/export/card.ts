// The model card: what a reader of the weights should know, for machines (card.json) and for people (README.md).
import { displayName } from "../../errors.ts";
import { type LogEvent, type RunFile, readLog } from "../../train/index.ts";
import { version } from "../../version.ts";
import type { BackboneWeights } from "../../weights/index.ts";
import type { OnnxCheck } from "./onnx-check.ts";

/** Written beside the weights as card.json. */
export interface Card extends Omit<BackboneWeights, "weights" | "prefix" | "about"> {
  format: ExportFormat;
  file: string;
  bytes: number;
  sha256: string;
  /** What learned them; null where a weights file does not say it. */
  method: string | null;
  /** The run's folder, or the weights file. */
  run: string;
  /** Null for a weights file. */
  step: number | null;
  /** What they were learned from; null for a weights file. */
  data: { source: string; images: number; fingerprint: string } | null;
  /** The last evaluation in the run's log, or null. */
  evaluation: { protocol: string; value: number; step: number } | null;
  /** Of a weights file: all else that it says of itself, such as its source and licence. */
  about: Record<string, string>;
  /** Of an ONNX file: what it computes in, its operator set, and how far it is from the engine; `check` is null where none was wanted. */
  onnx?: { precision: "fp32" | "fp16"; operatorSet: number; check: OnnxCheck | null };
  selfsight: string;
}

export type ExportFormat = "safetensors" | "torchvision" | "timm" | "onnx" | "transformers";

/** Where weights come from, for the card. */
export type Origin = Pick<Card, "method" | "run" | "step" | "data" | "evaluation" | "about">;

/** Of a run's checkpoint. */
export const originOfRun = (folder: string, run: RunFile, step: number): Origin => ({
  method: run.settings.method,
  run: folder,
  step,
  data: { source: run.data, images: run.images, fingerprint: run.fingerprint },
  evaluation: lastEvaluation(folder, step),
  about: {},
});

/** Of a weights file. */
export const originOfFile = (path: string, { method, ...about }: Record<string, string>): Origin => ({
  ...{ method: method ?? null, run: path, step: null, data: null, evaluation: null, about },
});

/** The newest figure that is not from after the exported weights. */
function lastEvaluation(folder: string, step: number): Card["evaluation"] {
  const isEvaluation = (event: LogEvent) => event.event === "evaluation";
  const last = readLog(folder)
    .filter(isEvaluation)
    .filter((event) => event.step <= step)
    .at(-1);
  return last ? { protocol: last.protocol, value: last.value, step: last.step } : null;
}

/** The card for people. `usage` shows how the file is opened. */
export function cardText(card: Card, usage: string): string {
  const { backbone, stem, width, size, normalization, method } = card;
  const rows = [
    ["network", `${backbone}, stem ${stem}, width ${width}`],
    ["learned by", method ?? "not said"],
    [
      "from",
      card.data
        ? `${displayName(card.data.source)}, ${card.data.images} images (${card.data.fingerprint})`
        : displayName(card.run),
    ],
    ...(card.step === null ? [] : [["steps", String(card.step)]]),
    ...(card.evaluation
      ? [
          [
            "measured",
            `${card.evaluation.protocol}: ${(100 * card.evaluation.value).toFixed(1)} %, at step ${card.evaluation.step}`,
          ],
        ]
      : []),
    [
      "pictures",
      `${size} x ${size}; (x - mean) / std of values in [0, 1], mean ${normalization.mean.join(", ")}, std ${normalization.std.join(", ")}`,
    ],
    ...(card.onnx ? [["ONNX", onnxRow(card.onnx)]] : []),
    ...Object.entries(card.about).map(([name, value]) => [name, displayName(value)]),
    ["file", `${card.file}, ${card.bytes} bytes, SHA-256 ${card.sha256}`],
    ["written by", `Selfsight ${version}`],
  ];
  const table = rows.map(([name, value]) => `| ${name} | ${value!.replaceAll("|", "\\|")} |`).join("\n");
  return `# ${backbone}${method === null ? "" : `, ${method}`}\n\n| | |\n| --- | --- |\n${table}\n\n${usage}\n`;
}

function onnxRow({ precision, operatorSet, check }: NonNullable<Card["onnx"]>): string {
  const first = `${precision}, operator set ${operatorSet}`;
  if (check === null) return `${first}; not compared with the engine`;
  return `${first}; ${check.inputs} inputs in ${check.runtime}: features at most ${check.largestDifference.toExponential(1)} from the engine's (‖difference‖ / ‖features‖)`;
}
