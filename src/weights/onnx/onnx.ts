// N images, C channels, D features. A backbone as an ONNX model: whole, with sizes that the caller chooses.
import { SelfsightError } from "../../errors.ts";
import { isTransformer, type PatchStem, type ResNetStem } from "../../nn/index.ts";
import { version } from "../../version.ts";
import type { BackboneWeights } from "../backbone.ts";
import { cast, type Drawing, drawing } from "./drawing.ts";
import { encodeModel, operatorSet, type Port } from "./model-file.ts";
import { drawFeeding } from "./pictures.ts";
import { drawAverage, drawResidual } from "./residual.ts";
import { drawClassToken, drawTransformer } from "./transformer.ts";
import { networkValues } from "./values.ts";

export interface OnnxOptions {
  /** What the network computes in; what goes in and comes out is float32 either way. Default "float32". */
  precision?: "float32" | "float16" | undefined;
  /**
   * "normalized": `pixel_values` [N, 3, S, S], to which pictures were brought before. "bytes": `images` [N, H, W, 3] of bytes, any
   * height and width; cropping, resizing and normalising are part of the graph. Default "normalized".
   */
  input?: "normalized" | "bytes" | undefined;
  /** "features": `features` [N, D]. "transformers": `last_hidden_state` and `pooler_output` [N, D]. Default "features". */
  outputs?: "features" | "transformers" | undefined;
}

export const onnxOperatorSet = operatorSet;

/** A file of this format cannot be longer than a signed 32-bit number of bytes. */
const mostBytes = 2 ** 31 - 1;

/** The model's file. Errors: configuration, for a network of 2 GiB and more. */
export function onnxModel(
  weights: BackboneWeights,
  options: OnnxOptions = {},
  facts: Record<string, string> = {},
): Uint8Array {
  refuseTooLarge(weights, options);
  const to = drawing(options.precision ?? "float32");
  const input = inputPort(options);
  const outputs = drawNetwork(to, weights, options, fedTo(to, weights, options, input.name));
  return encodeModel({ ...to, inputs: [input], outputs }, { name: "selfsight", version }, facts);
}

function inputPort({ input = "normalized" }: OnnxOptions): Port {
  if (input === "bytes") return { name: "images", type: "uint8", shape: ["batch", "height", "width", 3] };
  return { name: "pixel_values", type: "float32", shape: ["batch", 3, "height", "width"] };
}

/** Pictures in the type that the network computes in. */
function fedTo(to: Drawing, weights: BackboneWeights, { input }: OnnxOptions, name: string): string {
  const pictures = input === "bytes" ? drawFeeding(to, weights, name) : name;
  return to.precision === "float16" ? cast(to, pictures, "float16") : pictures;
}

function drawNetwork(to: Drawing, weights: BackboneWeights, { outputs }: OnnxOptions, pictures: string): Port[] {
  const { backbone, stem } = weights;
  const network = networkValues(weights.weights);
  const forTransformers = outputs === "transformers";
  const name = forTransformers ? "pooler_output" : "features";
  const [last, draw, shape] = isTransformer(backbone)
    ? ([
        drawTransformer(to, network, { backbone, stem: stem as PatchStem }, pictures),
        drawClassToken,
        tokenShape,
      ] as const)
    : ([drawResidual(to, network, { backbone, stem: stem as ResNetStem }, pictures), drawAverage, mapShape] as const);
  asFloat(to, (named) => draw(to, last, named), name);
  const features: Port = { name, type: "float32", shape: ["batch", "features"] };
  if (!forTransformers) return [features];
  asFloat(to, (named) => to.node("Identity", [last], {}, named), "last_hidden_state");
  return [{ name: "last_hidden_state", type: "float32", shape }, features];
}

const tokenShape = ["batch", "tokens", "features"];
const mapShape = ["batch", "features", "rows", "columns"];

/** What comes out of the model by its name, in float32. */
function asFloat(to: Drawing, draw: (named: string) => string, name: string): void {
  if (to.precision === "float32") draw(name);
  else cast(to, draw(`${name}.half`), "float32", name);
}

function refuseTooLarge({ backbone, weights }: BackboneWeights, { precision }: OnnxOptions): void {
  const numbers = [...weights.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const bytes = numbers * (precision === "float16" ? 2 : 4);
  if (bytes + 2 ** 20 <= mostBytes) return;
  throw new SelfsightError(
    "configuration",
    `export: ${backbone} of ${(bytes / 2 ** 30).toFixed(1)} GiB; one ONNX file holds less than 2 GiB; use --precision fp16, or --format safetensors`,
  );
}
