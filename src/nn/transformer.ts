// N images, S side in pixels, P side of a patch, G = S / P patches along a side, T = G² + 1 tokens, D channels, H heads.
// Vision transformer, arXiv 2010.11929; names, order and first weights as in timm.
import { CallError } from "../errors.ts";
import { cat, isSupported, keep, noGrad, ones, op, scope, type Tensor, zeros } from "../torch/index.ts";
import { Module } from "./module.ts";

export const transformerNames = ["vit-tiny", "vit-small", "vit-base"] as const;
export type TransformerName = (typeof transformerNames)[number];

/** How a picture becomes tokens: cut into squares of so many pixels. */
export const patchStems = ["patch-4", "patch-8", "patch-14", "patch-16", "patch-32"] as const;
export type PatchStem = (typeof patchStems)[number];

/** Side of a patch in pixels. */
export const patchSideOf = (stem: PatchStem): number => Number(stem.slice("patch-".length));

export interface TransformerOptions {
  stem: PatchStem;
  /** Side of the pictures for which positions are learned, in pixels; for others they are interpolated. */
  size: number;
  /** Channels of a head. Default 64. */
  width?: number;
  /** Starts each residual branch at zero (its last layer). Default false, as in timm. */
  zeroInitResidual?: boolean;
}

export const headsOf = { "vit-tiny": 3, "vit-small": 6, "vit-base": 12 } as const satisfies Record<
  TransformerName,
  number
>;
/** Blocks of each of them. */
export const transformerDepth = 12;
/** Of the hidden layer of each block, beside its input. */
const expansion = 4;
const initialStd = 0.02;

const learned = (tensor: Tensor): Tensor => keep(tensor.requiresGrad_());
const normal = (shape: readonly number[], std = initialStd): Tensor =>
  learned(noGrad(() => zeros(shape).normal_({ std })));

/** y = x Wᵀ + b; weights start normal with std 0.02, biases at 0. */
class Dense extends Module {
  readonly weight: Tensor; // [out, in]
  readonly bias: Tensor; // [out]

  constructor(inputSize: number, outputSize: number, { startsAtZero = false } = {}) {
    super();
    this.weight = normal([outputSize, inputSize], startsAtZero ? 0 : initialStd);
    this.bias = learned(zeros([outputSize]));
  }

  override forward(input: Tensor): Tensor {
    return op.linear(input, this.weight, this.bias);
  }
}

/** Each token normalised over its channels: (x − mean) / √(var + 1e-6) · weight + bias (arXiv 1607.06450). */
export class LayerNorm extends Module {
  readonly weight: Tensor; // [D]
  readonly bias: Tensor; // [D]

  constructor(features: number) {
    super();
    this.weight = learned(ones([features]));
    this.bias = learned(zeros([features]));
  }

  override forward(input: Tensor): Tensor {
    return op.layer_norm(input, this.weight.shape, this.weight, this.bias, 1e-6, true);
  }
}

/** softmax(q kᵀ / √d) v for each head. */
class Attention extends Module {
  readonly qkv: Dense;
  readonly proj: Dense;
  readonly #heads: number;

  constructor(features: number, heads: number, startsAtZero: boolean) {
    super();
    this.qkv = new Dense(features, 3 * features);
    this.proj = new Dense(features, features, { startsAtZero });
    this.#heads = heads;
  }

  override forward(tokens: Tensor): Tensor {
    return scope(() => {
      const [N, T, D] = tokens.shape as [number, number, number];
      const split = this.qkv
        .forward(tokens)
        .reshape(N, T, 3, this.#heads, D / this.#heads)
        .permute(2, 0, 3, 1, 4);
      const [q, k, v] = [0, 1, 2].map((part) => split.select(0, part)); // each [N, H, T, D / H]
      return this.proj.forward(attended(q!, k!, v!).transpose(1, 2).reshape(N, T, D));
    });
  }
}

function attended(q: Tensor, k: Tensor, v: Tensor): Tensor {
  if (isSupported("scaled_dot_product_attention")) return op.scaled_dot_product_attention(q, k, v);
  const scores = q.matmul(k.transpose(-2, -1)).div(Math.sqrt(q.size(-1))); // [N, H, T, T]
  return scores.softmax(-1).matmul(v);
}

class Perceptron extends Module {
  readonly fc1: Dense;
  readonly fc2: Dense;

  constructor(features: number, startsAtZero: boolean) {
    super();
    this.fc1 = new Dense(features, expansion * features);
    this.fc2 = new Dense(expansion * features, features, { startsAtZero });
  }

  override forward(tokens: Tensor): Tensor {
    return scope(() => this.fc2.forward(op.gelu(this.fc1.forward(tokens))));
  }
}

class Block extends Module {
  readonly norm1: LayerNorm;
  readonly attn: Attention;
  readonly norm2: LayerNorm;
  readonly mlp: Perceptron;

  constructor(features: number, heads: number, startsAtZero: boolean) {
    super();
    this.norm1 = new LayerNorm(features);
    this.attn = new Attention(features, heads, startsAtZero);
    this.norm2 = new LayerNorm(features);
    this.mlp = new Perceptron(features, startsAtZero);
  }

  override forward(tokens: Tensor): Tensor {
    return scope(() => {
      const seen = tokens.add(this.attn.forward(this.norm1.forward(tokens)));
      return seen.add(this.mlp.forward(this.norm2.forward(seen))); // [N, T, D]
    });
  }
}

/** Squares of the picture, each mapped linearly to D channels: [N, 3, S, S] to [N, G², D]. Starts uniform in ±1/√(3 P²). */
class PatchEmbedding extends Module {
  readonly proj: { weight: Tensor; bias: Tensor }; // [D, 3, P, P], [D]
  readonly #side: number;

  constructor(side: number, features: number) {
    super();
    const bound = 1 / Math.sqrt(3 * side * side);
    const uniform = (shape: number[]) => learned(noGrad(() => zeros(shape).uniform_({ from: -bound, to: bound })));
    this.proj = { weight: uniform([features, 3, side, side]), bias: uniform([features]) };
    this.#side = side;
  }

  override forward(images: Tensor): Tensor {
    const map = op.conv2d(images, this.proj.weight, this.proj.bias, this.#side); // [N, D, G, G]
    return map.flatten(2).transpose(1, 2);
  }
}

/** Images [N, 3, S, S] to the class token's features [N, outputSize], after the last norm; no classifier. */
export class VisionTransformer extends Module {
  readonly cls_token: Tensor; // [1, 1, D]
  readonly pos_embed: Tensor; // [1, T, D]
  readonly patch_embed: Module;
  readonly blocks: readonly Module[];
  readonly norm: LayerNorm;
  readonly outputSize: number;
  readonly #patchSide: number;

  constructor(name: TransformerName, { stem, size, width = 64, zeroInitResidual = false }: TransformerOptions) {
    super();
    const side = patchSideOf(stem);
    const grid = gridOf(size, side);
    const heads = headsOf[name];
    const features = heads * width;
    this.cls_token = normal([1, 1, features], 1e-6);
    this.pos_embed = normal([1, grid * grid + 1, features]);
    this.patch_embed = new PatchEmbedding(side, features);
    this.blocks = Array.from({ length: transformerDepth }, () => new Block(features, heads, zeroInitResidual));
    this.norm = new LayerNorm(features);
    this.outputSize = features;
    this.#patchSide = side;
  }

  override forward(images: Tensor): Tensor {
    return scope(() => {
      const grid = gridOf(images.size(2), this.#patchSide);
      const patches = this.patch_embed.forward(images); // [N, G², D]
      const first = this.cls_token.expand(images.size(0), 1, this.outputSize).to(patches.dtype);
      const placed = cat([first, patches], 1).add(positionsFor(this.pos_embed, grid)); // [N, T, D]
      const tokens = this.blocks.reduce((value, block) => block.forward(value), placed);
      return this.norm.forward(tokens.select(1, 0)); // the norm of a token is its own affair, so the others need none
    });
  }
}

/** Patches along a side. Errors: the caller's, when the picture is no whole number of them. */
function gridOf(size: number, side: number): number {
  if (size % side === 0 && size > 0) return size / side;
  throw new CallError(
    `vision transformer: pictures of ${size} pixels, patches of ${side}; a multiple is needed; choose another size or stem`,
  );
}

/**
 * Learned positions [1, G² + 1, D] for another number of patches along a side: the class token's as it is, those of the patches
 * resized as a picture (bicubic, antialiased), as timm does. Gradients reach the learned ones.
 */
export function positionsFor(positions: Tensor, grid: number): Tensor {
  const [, tokens, features] = positions.shape as [number, number, number];
  const own = Math.round(Math.sqrt(tokens - 1));
  if (own === grid) return positions;
  return scope(() => {
    const map = positions
      .narrow(1, 1, tokens - 1)
      .reshape(1, own, own, features)
      .permute(0, 3, 1, 2); // [1, D, G, G]
    const resized = op._upsample_bicubic2d_aa(map, [grid, grid], false).flatten(2).transpose(1, 2);
    return cat([positions.narrow(1, 0, 1), resized], 1); // [1, T, D]
  });
}
