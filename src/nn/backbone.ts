// The trunks by name: residual networks and vision transformers.
import { SelfsightError } from "../errors.ts";
import { scope } from "../torch/index.ts";
import { type ResNet, type ResNetStem, refuseUnfitWidth, resnet, resnetNames, resnetStems } from "./resnet.ts";
import {
  type PatchStem,
  patchSideOf,
  patchStems,
  type TransformerName,
  transformerNames,
  VisionTransformer,
} from "./transformer.ts";

export const backboneNames = [...resnetNames, ...transformerNames] as const;
export type BackboneName = (typeof backboneNames)[number];
/** A trunk's first layers: those of residual networks, and the sides of a transformer's patches. */
export const stems = [...resnetStems, ...patchStems] as const;
export type Stem = (typeof stems)[number];

/** All that says which trunk it is; two that agree in it hold the same tensors. */
export interface BackboneOptions {
  backbone: BackboneName;
  stem: Stem;
  /** Side of the pictures in pixels; a transformer learns a position for each of their patches. */
  size: number;
  /** Channels of a residual network's first stage, or of each head of a transformer. Default 64. */
  width?: number;
  /** Starts each residual branch at zero. */
  zeroInitResidual: boolean;
}

/** Images [N, 3, S, S] to representations [N, outputSize]. */
export type BackboneNetwork = ResNet | VisionTransformer;

export const isTransformer = (name: BackboneName): name is TransformerName =>
  (transformerNames as readonly string[]).includes(name);
const isPatchStem = (stem: Stem): stem is PatchStem => (patchStems as readonly string[]).includes(stem);

/** The first layers that suit pictures of a size: a stride of one, or patches of 4, up to 64 pixels. */
export function usualStem(backbone: BackboneName, size: number): Stem {
  if (!isTransformer(backbone)) return size <= 64 ? "small" : "imagenet";
  return size <= 64 ? "patch-4" : size <= 128 ? "patch-8" : "patch-16";
}

/** A trunk with first weights from the global generator. Errors: configuration, when stem, width or size do not fit it. */
export function makeBackbone(options: BackboneOptions): BackboneNetwork {
  refuseUnfitBackbone(options);
  const { backbone, stem, ...rest } = options;
  if (!isTransformer(backbone)) return resnet(backbone, { ...rest, stem: stem as ResNetStem });
  return scope(() => new VisionTransformer(backbone, { ...rest, stem: stem as PatchStem }));
}

/** Errors: configuration, for a stem of the other kind, a width that no network has, or a size that patches do not fill. */
export function refuseUnfitBackbone({ backbone, stem, width = 64, size }: BackboneOptions): void {
  refuseUnfitWidth(width);
  if (isPatchStem(stem) !== isTransformer(backbone)) {
    const fitting = isTransformer(backbone) ? patchStems : resnetStems;
    throw refusal(
      `stem ${stem} with ${backbone}`,
      `one of ${fitting.join(", ")} is needed`,
      "leave the stem out for the usual one",
    );
  }
  if (isPatchStem(stem)) refuseUnfilled(stem, size);
}

/** Errors: configuration, when pictures of this size are no whole number of patches. */
export function refuseUnfilled(stem: PatchStem, size: number): void {
  const side = patchSideOf(stem);
  if (size >= side && size % side === 0) return;
  throw refusal(
    `pictures of ${size} pixels with ${stem}`,
    `a multiple of ${side} is needed`,
    "choose another --size or --set stem",
  );
}

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `backbone: ${given}; ${needed}; ${advice}`);
