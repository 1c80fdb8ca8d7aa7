import { headsOf, isTransformer, type PatchStem, patchSideOf, type ResNetStem, transformerDepth } from "../nn/index.ts";
import type { BackboneDescription } from "./backbone.ts";
import { stemLines } from "./torchvision.ts";

/** A Python file that puts the weights into timm's network, whose names they have; it gives features, as timm's without a classifier. */
export function timmLoader(description: BackboneDescription, file: string): string {
  const { size, normalization } = description;
  return `# Loads ${file} into timm's network. Needs torch, timm and safetensors.
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file

${timmNetwork(description)}
model.load_state_dict(load_file(Path(__file__).with_name("${file}")))
model.eval()

# Pictures: the middle square, resized to ${size} x ${size}, values in [0, 1], then (x - mean) / std with
mean, std = ${JSON.stringify(normalization.mean)}, ${JSON.stringify(normalization.std)}
`;
}

function timmNetwork({ backbone, stem, size, width }: BackboneDescription): string {
  if (!isTransformer(backbone))
    return `model = timm.create_model("${backbone}", num_classes=0)\n${stemLines[stem as ResNetStem]}`;
  const heads = headsOf[backbone];
  const sizes = `img_size=${size}, patch_size=${patchSideOf(stem as PatchStem)}, embed_dim=${heads * width}`;
  return `model = timm.models.vision_transformer.VisionTransformer(${sizes}, depth=${transformerDepth}, num_heads=${heads}, num_classes=0)`;
}
