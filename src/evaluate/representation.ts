// N images, S side in pixels, D features
import type { MiddleCrop, Normalization } from "../augment/index.ts";
import type { ReadingRules } from "../data/index.ts";
import { type BackboneNetwork, type BackboneOptions, type Module, makeBackbone } from "../nn/index.ts";
import { autocast, manualSeed, noGrad, randomState, setRandomState, type Tensor } from "../torch/index.ts";

/** A frozen map from pictures to feature vectors, with what it needs to know to be fed. */
export interface Representation {
  /** What reports call it. */
  name: string;
  /** Side of its pictures in pixels. */
  size: number;
  /** (x - mean) / std of each channel before it. */
  normalize: Normalization;
  /** Shorter side to which files are decoded. */
  decodeSize: number;
  /** Which part of a picture is measured; undefined: the usual one of `evaluationImages`. */
  middle?: MiddleCrop;
  /** How its run read files; undefined: as `openDataset` does by itself. */
  rules?: ReadingRules;
  device: string;
  precision: "bf16" | "fp32";
  /** Pictures [N, 3, S, S] to features [N, D]; no gradients, running statistics. */
  forward(images: Tensor): Tensor;
}

export interface BackboneFacts {
  name: string;
  size: number;
  normalize: Normalization;
  /** Default: 8/7 of the size, as training decodes. */
  decodeSize?: number;
  /** How files are read for it. */
  rules?: ReadingRules;
  /** Default "cpu". */
  device?: string;
  /** bf16 computes matrix products and convolutions in bfloat16; features are float32 either way. Default "fp32". */
  precision?: "bf16" | "fp32";
}

/** The output of a backbone in evaluation mode (running statistics); the mode is put back after every batch. */
export function backboneRepresentation(backbone: Module, facts: BackboneFacts): Representation {
  const { device = "cpu", precision = "fp32", decodeSize = decodeSizeFor(facts.size) } = facts;
  const dtype = precision === "bf16" ? "bfloat16" : "float32";
  const forward = (images: Tensor) =>
    noGrad(() => autocast({ dtype, device: device.split(":")[0]! }, () => inEvaluationMode(backbone, images)));
  return { ...facts, device, precision, decodeSize, forward };
}

function inEvaluationMode(backbone: Module, images: Tensor): Tensor {
  const wasTraining = backbone.training;
  backbone.eval();
  try {
    return backbone.forward(images); // [N, D]
  } finally {
    backbone.train(wasTraining);
  }
}

const decodeSizeFor = (size: number): number => Math.round((size * 8) / 7);

/** Values as they are: for representations that bring no normalisation of their own. */
const unchanged: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

/** Baseline: the pixels themselves, in [0, 1], D = 3 S², or S² where the pictures are grey. */
export function pixelRepresentation({ size, isGrey = false }: { size: number; isGrey?: boolean }): Representation {
  const channels = isGrey ? 1 : 3;
  const forward = (images: Tensor) => images.narrow(1, 0, channels).flatten(1); // [N, C S S]
  return {
    name: "pixels",
    size,
    normalize: unchanged,
    decodeSize: decodeSizeFor(size),
    device: "cpu",
    precision: "fp32",
    forward,
  };
}

/**
 * Baseline: a backbone with the first weights of a run of this seed. To be freed with `freeNetwork`. libtorch's generator is
 * left as it was found.
 */
export function untrainedBackbone({ seed, ...options }: BackboneOptions & { seed: number }): BackboneNetwork {
  const before = randomState();
  try {
    manualSeed(seed);
    return makeBackbone(options);
  } finally {
    setRandomState(before);
  }
}
