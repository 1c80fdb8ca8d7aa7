// What each format writes: the weights' file, what lies beside it, and how people open it.
import { SelfsightError } from "../../errors.ts";
import { isTransformer } from "../../nn/index.ts";
import { version } from "../../version.ts";
import {
  type BackboneWeights,
  describeWeights,
  encodeSafetensors,
  onnxModel,
  onnxOperatorSet,
  timmLoader,
  torchvisionLoader,
  transformersConfig,
  transformersPreprocessing,
} from "../../weights/index.ts";
import type { Card, ExportFormat, Origin } from "./card.ts";
import { checkOnnx } from "./onnx-check.ts";

export interface FormatOptions {
  /** Of ONNX: what the network computes in. Default "fp32". */
  precision?: "fp32" | "fp16" | undefined;
  /** Of "onnx": takes bytes [N, H, W, 3] of any size and does cropping, resizing and normalising itself. Default false. */
  withPreprocessing?: boolean | undefined;
  /** Of ONNX: written without a comparison with the engine, for which an onnxruntime must be installed. Default false. */
  unchecked?: boolean | undefined;
}

export interface Contents {
  /** Of the weights. */
  file: string;
  chunks: readonly Uint8Array[];
  /** Other files by their names. */
  beside?: Record<string, string>;
  /** Markdown. */
  usage: string;
  onnx?: NonNullable<Card["onnx"]>;
}

type Make = (weights: BackboneWeights, options: FormatOptions, origin: Origin) => Contents | Promise<Contents>;

const weightsFile = "backbone.safetensors";

/** Errors: configuration, for a network that the format has not; numerics, for an ONNX file that computes something else. */
export const contentsOf: Record<ExportFormat, Make> = {
  safetensors: (weights, _, origin) => ({
    ...{ file: weightsFile, chunks: safetensorsOf(weights, origin) },
    usage: `\`\`\`sh\nnpx selfsight embed ${weightsFile} photos/ --out photos.safetensors\n\`\`\``,
  }),
  torchvision: (weights, _, origin) => forPython("torchvision", weights, origin),
  timm: (weights, _, origin) => forPython("timm", weights, origin),
  async onnx(weights, options, origin) {
    const { model, onnx } = await checkedModel(weights, options, origin, "features");
    return { file: "model.onnx", chunks: [model], usage: onnxUsage(options), onnx };
  },
  async transformers(weights, options, origin) {
    const { model, onnx } = await checkedModel(weights, options, origin, "transformers");
    const file = options.precision === "fp16" ? "onnx/model_fp16.onnx" : "onnx/model.onnx";
    const beside = {
      "config.json": transformersConfig(weights, featuresOf(weights)),
      "preprocessor_config.json": transformersPreprocessing(weights),
    };
    return { file, chunks: [model], beside, usage: transformersUsage(options), onnx };
  },
};

function forPython(format: "torchvision" | "timm", weights: BackboneWeights, origin: Origin): Contents {
  if (format === "torchvision" || !isTransformer(weights.backbone)) refuseOtherNetworks(weights, format);
  const loader = format === "torchvision" ? torchvisionLoader : timmLoader;
  const beside = { "load.py": loader(weights, weightsFile) };
  return { file: weightsFile, chunks: safetensorsOf(weights, origin), beside, usage: pythonUsage };
}

const pythonUsage = "`from load import model` in Python.";

const onnxUsage = ({ withPreprocessing }: FormatOptions) =>
  withPreprocessing
    ? "Input `images`: bytes [N, height, width, 3], red, green, blue. Output `features` [N, D]."
    : "Input `pixel_values`: float32 [N, 3, height, width], the middle of the picture, normalised as above. Output `features` [N, D].";

const transformersUsage = ({ precision }: FormatOptions) => `\`\`\`js
import { pipeline } from "@huggingface/transformers";

const features = await pipeline("image-feature-extraction", "FOLDER", { dtype: "${precision ?? "fp32"}" });
const { data } = await features("photo.jpg", { pool: true });
\`\`\``;

const safetensorsOf = (weights: BackboneWeights, { method }: Origin): Uint8Array[] =>
  encodeSafetensors(describeWeights(weights, { ...(method !== null && { method }), selfsight: version }));

/** The model's file, once it was held against the engine. */
async function checkedModel(
  weights: BackboneWeights,
  options: FormatOptions,
  { method }: Origin,
  outputs: "features" | "transformers",
) {
  const { precision = "fp32", withPreprocessing, unchecked } = options;
  const type = precision === "fp16" ? "float16" : "float32";
  const facts = { backbone: weights.backbone, ...(method !== null && { method }) };
  const input = withPreprocessing ? "bytes" : "normalized";
  const model = onnxModel(weights, { precision: type, outputs, input }, facts);
  const output = outputs === "features" ? "features" : "pooler_output";
  const check = unchecked ? null : await checkOnnx(model, { weights, input, output, precision: type });
  return { model, onnx: { precision, operatorSet: onnxOperatorSet, check } };
}

/** D */
function featuresOf({ weights, backbone }: BackboneWeights): number {
  const last = isTransformer(backbone)
    ? "norm.weight"
    : backbone === "resnet50"
      ? "layer4.2.bn3.weight"
      : "layer4.1.bn2.weight";
  return weights.get(last)!.shape[0]!;
}

function refuseOtherNetworks({ backbone, width }: BackboneWeights, format: "torchvision" | "timm"): void {
  const advice = "use --format safetensors or onnx";
  if (isTransformer(backbone))
    throw refusal(`the network is ${backbone}`, `${format} has other names for it; ${advice}`);
  if (width !== 64) throw refusal(`the network has width ${width}`, `${format}'s networks have 64; ${advice}`);
}

/** No option is passed over in silence. */
export function refuseIdle({
  format,
  precision,
  withPreprocessing,
  unchecked,
}: FormatOptions & { format: ExportFormat }): void {
  const isOnnx = format === "onnx" || format === "transformers";
  const asked = { precision: precision !== undefined, unchecked, "with-preprocessing": withPreprocessing };
  const idle = Object.entries(asked).find(
    ([name, isAsked]) => isAsked && !(name === "with-preprocessing" ? format === "onnx" : isOnnx),
  )?.[0];
  if (idle === undefined) return;
  const fitting = idle === "with-preprocessing" ? "onnx" : "onnx or transformers";
  throw refusal(
    `--${idle} with the format ${format}`,
    `it is of ${fitting} alone; leave it out, or use --format ${fitting.split(" ")[0]}`,
  );
}

const refusal = (given: string, rest: string) => new SelfsightError("configuration", `export: ${given}; ${rest}`);
