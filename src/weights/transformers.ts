// The folder that transformers.js opens: config.json, preprocessor_config.json and onnx/. Its pipeline crops and resizes.
import { headsOf, isTransformer, type PatchStem, patchSideOf } from "../nn/index.ts";
import type { BackboneDescription } from "./backbone.ts";

/** What kind of network it is, by a name that transformers.js knows; the graph itself holds all that is computed. */
export function transformersConfig({ backbone, stem, size, width }: BackboneDescription, features: number): string {
  if (!isTransformer(backbone))
    return json({
      model_type: "resnet",
      architectures: ["ResNetModel"],
      num_channels: 3,
      hidden_sizes: [features],
      selfsight: { backbone, stem, width },
    });
  const side = patchSideOf(stem as PatchStem);
  return json({
    ...{ model_type: "vit", architectures: ["ViTModel"], num_channels: 3, image_size: size, patch_size: side },
    ...{
      hidden_size: features,
      num_hidden_layers: 12,
      num_attention_heads: headsOf[backbone],
      selfsight: { backbone, stem, width },
    },
  });
}

const bicubic = 3;

/**
 * How pictures are brought to the network: shorter side to S, or S · 256 / 224 from 224 on, bicubic, then the middle S x S. Selfsight cuts
 * the middle first, which is the same but for half a pixel.
 */
export function transformersPreprocessing({ size, normalization: { mean, std } }: BackboneDescription): string {
  const shortestEdge = size < 224 ? size : Math.round((size * 256) / 224);
  return json({
    ...{
      image_processor_type: "ViTImageProcessor",
      do_resize: true,
      size: { shortest_edge: shortestEdge },
      resample: bicubic,
    },
    ...{ do_center_crop: true, crop_size: { height: size, width: size } },
    ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: mean, image_std: std },
  });
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
