// N images, C channels. ResNet, arXiv 1512.03385; names, order and strides (on the 3x3) as in torchvision.

import { SelfsightError } from "../errors.ts";
import { noGrad, scope, type Tensor } from "../torch/index.ts";
import {
  BatchNorm,
  Conv2d,
  GlobalAveragePool,
  Identity,
  MaxPool2d,
  normalizedConvolution,
  Sequential,
} from "./layers.ts";
import { Module } from "./module.ts";

export const resnetNames = ["resnet18", "resnet34", "resnet50"] as const;
export type ResNetName = (typeof resnetNames)[number];

/** "imagenet": 7x7 stride 2 and max-pool. "small": 3x3 stride 1, no max-pool, for images up to 64. "small-stride-2": 3x3 stride 2, no max-pool. */
export const resnetStems = ["imagenet", "small", "small-stride-2"] as const;
export type ResNetStem = (typeof resnetStems)[number];

export interface ResNetOptions {
  stem: ResNetStem;
  /** Channels of the first stage; the later ones have 2, 4 and 8 times as many. Default 64. */
  width?: number;
  /** Starts each residual branch at zero (last batch norm's weight), arXiv 1706.02677. Default true, as the paper's code. */
  zeroInitResidual?: boolean;
}

type Block = new (inputChannels: number, channels: number, stride: number) => BasicBlock | Bottleneck;

class BasicBlock extends Module {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm;
  readonly downsample: Shortcut | null;

  constructor(inputChannels: number, channels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inputChannels, channels, 3, { stride, padding: 1 });
    this.bn1 = new BatchNorm(channels);
    this.conv2 = new Conv2d(channels, channels, 3, { padding: 1 });
    this.bn2 = new BatchNorm(channels);
    this.downsample = shortcut(inputChannels, channels, stride);
  }

  get lastNorm(): BatchNorm {
    return this.bn2;
  }

  override forward(input: Tensor): Tensor {
    return scope(() => {
      const hidden = normalizedConvolution(this.conv1, this.bn1, input).relu_();
      const branch = normalizedConvolution(this.conv2, this.bn2, hidden);
      return branch.add_(this.downsample?.forward(input) ?? input).relu_();
    });
  }
}

class Bottleneck extends Module {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm;
  readonly downsample: Shortcut | null;

  constructor(inputChannels: number, channels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inputChannels, channels, 1);
    this.bn1 = new BatchNorm(channels);
    this.conv2 = new Conv2d(channels, channels, 3, { stride, padding: 1 });
    this.bn2 = new BatchNorm(channels);
    this.conv3 = new Conv2d(channels, 4 * channels, 1);
    this.bn3 = new BatchNorm(4 * channels);
    this.downsample = shortcut(inputChannels, 4 * channels, stride);
  }

  get lastNorm(): BatchNorm {
    return this.bn3;
  }

  override forward(input: Tensor): Tensor {
    return scope(() => {
      const reduced = normalizedConvolution(this.conv1, this.bn1, input).relu_();
      const hidden = normalizedConvolution(this.conv2, this.bn2, reduced).relu_();
      const branch = normalizedConvolution(this.conv3, this.bn3, hidden);
      return branch.add_(this.downsample?.forward(input) ?? input).relu_();
    });
  }
}

/** Around a block whose map has another size, a convolution of side 1 and its batch norm. */
class Shortcut extends Module {
  readonly 0: Conv2d;
  readonly 1: BatchNorm;

  constructor(inputChannels: number, outputChannels: number, stride: number) {
    super();
    this[0] = new Conv2d(inputChannels, outputChannels, 1, { stride });
    this[1] = new BatchNorm(outputChannels);
  }

  override forward(input: Tensor): Tensor {
    return normalizedConvolution(this[0], this[1], input);
  }
}

const shortcut = (inputChannels: number, outputChannels: number, stride: number): Shortcut | null =>
  stride === 1 && inputChannels === outputChannels ? null : new Shortcut(inputChannels, outputChannels, stride);

/** Blocks of each stage. */
export const resnetDepths = {
  resnet18: [2, 2, 2, 2],
  resnet34: [3, 4, 6, 3],
  resnet50: [3, 4, 6, 3],
} as const satisfies Record<ResNetName, readonly number[]>;

const blocks = { resnet18: BasicBlock, resnet34: BasicBlock, resnet50: Bottleneck } as const;

/** Images [N, 3, H, W] to representations [N, outputSize]; no classifier. */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly outputSize: number;
  /** Pixels of the picture between two places of the map that `mapOf` makes. */
  readonly mapStride: number;
  readonly #pool: Module;
  readonly #average = new GlobalAveragePool();

  constructor(name: ResNetName, { stem, width = 64, zeroInitResidual = true }: ResNetOptions) {
    super();
    const [block, depths] = [blocks[name], resnetDepths[name]];
    const channels = [1, 2, 4, 8].map((factor) => factor * width);
    const inputs = [width, ...channels.slice(0, 3).map((count) => count * block.expansion)];
    const stage = (i: number) =>
      makeStage(block, inputs[i]!, channels[i]!, depths[i]!, i === 0 ? 1 : 2, block.expansion);
    this.conv1 = stem === "imagenet" ? new Conv2d(3, width, 7, { stride: 2, padding: 3 }) : smallStem(stem, width);
    this.bn1 = new BatchNorm(width);
    this.#pool = stem === "imagenet" ? new MaxPool2d(3, { stride: 2, padding: 1 }) : new Identity();
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.outputSize = channels[3]! * block.expansion;
    this.mapStride = { imagenet: 16, "small-stride-2": 8, small: 4 }[stem];
    if (zeroInitResidual) zeroLastNorms([this.layer1, this.layer2, this.layer3, this.layer4]);
  }

  /** Intermediate maps are let go at once: autograd keeps what it needs, and frees each as the backward pass goes by it. */
  override forward(images: Tensor): Tensor {
    return scope(() => this.#average.forward(this.layer4.forward(this.mapOf(images)))); // [N, outputSize]
  }

  /** Images [N, 3, H, W] to the map before the last stage, [N, outputSize / 2, H / mapStride, W / mapStride]: detection's C4. */
  mapOf(images: Tensor): Tensor {
    return scope(() => {
      const stem = scope(() => this.#pool.forward(normalizedConvolution(this.conv1, this.bn1, images).relu_()));
      return [this.layer1, this.layer2, this.layer3].reduce((value, stage) => stage.forward(value), stem);
    });
  }
}

const smallStem = (stem: ResNetStem, width: number) =>
  new Conv2d(3, width, 3, { stride: stem === "small" ? 1 : 2, padding: 1 });

function makeStage(block: Block, inputs: number, channels: number, depth: number, stride: number, expansion: number) {
  const rest = Array.from({ length: depth - 1 }, () => new block(channels * expansion, channels, 1));
  return new Sequential(new block(inputs, channels, stride), ...rest);
}

function zeroLastNorms(stages: readonly Sequential[]): void {
  const blocks = stages.flatMap((stage) =>
    Object.values(stage).filter((part) => part instanceof BasicBlock || part instanceof Bottleneck),
  );
  noGrad(() => {
    for (const block of blocks) block.lastNorm.weight!.zero_();
  });
}

/** A residual network by name. Errors: configuration, when the width is no whole number from 1 to 1024. */
export function resnet(name: ResNetName, options: ResNetOptions): ResNet {
  refuseUnfitWidth(options.width ?? 64);
  return scope(() => new ResNet(name, options)); // frees what the layers put aside while they are made
}

/** Errors: configuration, for what is no whole number from 1 to 1024. */
export function refuseUnfitWidth(width: number): void {
  if (Number.isInteger(width) && width >= 1 && width <= 1024) return;
  throw new SelfsightError(
    "configuration",
    `backbone: width ${width}; a whole number of channels from 1 to 1024 is needed; the papers' networks have 64`,
  );
}
