// H height, W width. The operations that the reference case `image_ops` names, by our own operations.
import { imageOperations, matrices } from "../../../augment/index.ts";
import type { Tensor } from "../../../torch/index.ts";

const { blur, brightness, contrast, hue, luma, normalize, resample, saturation, solarize } = imageOperations;

/** What a name's parameters ask of an image [1, 3, H, W]. */
type Operation = (image: Tensor, parameters: string) => Tensor;

const operations: Record<string, Operation> = {
  brightness: (image, factor) => brightness(image, numberIn(factor)),
  contrast: (image, factor) => contrast(image, numberIn(factor)),
  saturation: (image, factor) => saturation(image, numberIn(factor)),
  hue: (image, turns) => hue(image, numberIn(turns)),
  grayscale: (image) => luma(image).expand(...image.shape),
  solarize: (image, threshold) => solarize(image, Number(threshold) / 255),
  blur: (image, parameters) => {
    const [, width, sigma] = /^k(\d+)_s(.*)$/.exec(parameters)!;
    return blur(image, [numberIn(sigma!)], (Number(width) - 1) / 2);
  },
  hflip: (image) => image.flip(3),
  crop: (image, parameters) => resized(image, { top: 3, left: 5, height: 21, width: 30 }, 32, parameters),
  down: (image, parameters) =>
    resized(image, { top: 0, left: 0, height: image.size(2), width: image.size(3) }, 16, parameters),
  normalized: (image) => normalize(image, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
};

/** The operation that a name such as `hue_m0_2` asks for, done to an image [3, H, W]; undefined for a name we do not know. */
export function imageOperation(name: string, image: Tensor): Tensor | undefined {
  const [, kind, parameters] = /^([a-z]+)_?(.*)$/.exec(name)!;
  return operations[kind!]?.(image.unsqueeze(0), parameters!).squeeze(0);
}

/** "1_3" is 1.3, "m0_2" is -0.2. */
const numberIn = (text: string): number => Number(text.replace("m", "-").replace("_", "."));

interface Box {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** `parameters` begins with the interpolation, such as `bicubic_aa`. */
function resized(image: Tensor, { top, left, height, width }: Box, size: number, parameters: string): Tensor {
  const interpolation = parameters.startsWith("bicubic") ? "bicubic" : "bilinear";
  const target = { size, interpolation, device: image.device } as const;
  const tall = matrices([{ start: top, length: height }], image.size(2), target);
  const wide = matrices([{ start: left, length: width }], image.size(3), target);
  return resample(image, tall, wide); // torchvision leaves the overshoot of bicubic, a view clamps it
}
