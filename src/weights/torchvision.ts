import type { ResNetStem } from "../nn/index.ts";
import type { BackboneDescription } from "./backbone.ts";

const smallStem = (stride: number) => `
# The network was trained with the stem for small pictures.
model.conv1 = torch.nn.Conv2d(3, 64, kernel_size=3, stride=${stride}, padding=1, bias=False)
model.maxpool = torch.nn.Identity()
`;

/** What turns torchvision's and timm's first layers into the network's. */
export const stemLines: Record<ResNetStem, string> = {
  imagenet: "",
  small: smallStem(1),
  "small-stride-2": smallStem(2),
};

/** A Python file that puts a residual network's weights into torchvision's; only its classifier stays untrained. */
export function torchvisionLoader({ backbone, stem, size, normalization }: BackboneDescription, file: string): string {
  const { mean, std } = normalization;
  return `# Loads ${file} into torchvision's ${backbone}. Needs torch, torchvision and safetensors.
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file

model = torchvision.models.${backbone}()
${stemLines[stem as ResNetStem]}
weights = load_file(Path(__file__).with_name("${file}"))
result = model.load_state_dict(weights, strict=False)
assert result.missing_keys == ["fc.weight", "fc.bias"] and not result.unexpected_keys, result
model.fc = torch.nn.Identity()  # the output is then the representation; put a classifier here to fine-tune
model.eval()

# Pictures: the shorter side resized to ${size}, the middle ${size} x ${size} cut out, values in [0, 1], then
normalize = torchvision.transforms.Normalize(mean=${JSON.stringify(mean)}, std=${JSON.stringify(std)})
`;
}
