// N images, P side of a patch, gh x gw patches, T = gh gw + 1 tokens, D channels, H heads, d = D / H.
// A vision transformer as a graph; its positions are resized inside, so that the picture's size is the caller's choice.
import { headsOf, type PatchStem, patchSideOf, type TransformerName, transformerDepth } from "../../nn/index.ts";
import { bicubic, cast, type Drawing } from "./drawing.ts";
import type { NetworkValues } from "./values.ts";

/** As in the layer norms of `src/nn` and of timm. */
const normEpsilon = 1e-6;

interface Parts {
  to: Drawing;
  network: NetworkValues;
  heads: number;
  /** D */
  features: number;
}

/** From pictures [N, 3, S, S] to the normalised tokens [N, T, D], by their names; the class token is the first. */
export function drawTransformer(
  to: Drawing,
  network: NetworkValues,
  { backbone, stem }: { backbone: TransformerName; stem: PatchStem },
  pictures: string,
): string {
  const features = network.get("cls_token").shape[2]!;
  const parts: Parts = { to, network, heads: headsOf[backbone], features };
  const blocks = Array.from({ length: transformerDepth }, (_, place) => `blocks.${place}`);
  const tokens = blocks.reduce(
    (value, name) => drawBlock(parts, name, value),
    embedded(parts, patchSideOf(stem), pictures),
  );
  return layerNorm(parts, "norm", tokens);
}

/** The first token of each picture: [N, T, D] to [N, D]. */
export const drawClassToken = (to: Drawing, tokens: string, named: string): string =>
  to.node("Squeeze", [sliced(to, tokens, 0, 1), to.integers([1])], {}, named);

/** Along the tokens. */
const sliced = (to: Drawing, tokens: string, start: number, end: number): string =>
  to.node("Slice", [tokens, to.integers([start]), to.integers([end]), to.integers([1])]);

function embedded(parts: Parts, side: number, pictures: string): string {
  const { to, network, features } = parts;
  const [weight, bias] = [kept(parts, "patch_embed.proj.weight"), kept(parts, "patch_embed.proj.bias")];
  const map = to.node("Conv", [pictures, weight, bias], { kernel_shape: [side, side], strides: [side, side] }); // [N, D, gh, gw]
  const patches = tokensOf(to, map, features);
  const count = to.node("Shape", [pictures], { start: 0, end: 1 });
  const shape = to.node("Concat", [count, to.integers([1, features])], { axis: 0 });
  const first = to.node("Expand", [kept(parts, "cls_token"), shape]); // [N, 1, D]
  const tokens = to.node("Concat", [first, patches], { axis: 1 }); // [N, T, D]
  return to.node("Add", [tokens, positions(parts, network.get("pos_embed"), map)]);
}

/** [n, D, gh, gw] to [n, gh gw, D] */
const tokensOf = (to: Drawing, map: string, features: number): string =>
  to.node("Transpose", [to.node("Reshape", [map, to.integers([0, features, -1])])], { perm: [0, 2, 1] });

/** Learned positions for the patches of this picture, resized as `positionsFor` does it: bicubic, antialiased. */
function positions({ to, features }: Parts, { shape, values }: ReturnType<NetworkValues["get"]>, map: string): string {
  const side = Math.round(Math.sqrt(shape[1]! - 1));
  const first = to.weight("pos_embed.first", [1, 1, features], values.subarray(0, features));
  const learned = transposed(values.subarray(features), side * side, features);
  const square = to.weight("pos_embed.patches", [1, features, side, side], learned);
  const grid = to.node("Shape", [map], { start: 2 });
  const floats = cast(to, square, "float32"); // Resize is not to be had in half precision everywhere
  const resized = to.node("Resize", [floats, "", "", grid], { ...bicubic, axes: [2, 3] });
  return to.node("Concat", [first, tokensOf(to, cast(to, resized, to.precision), features)], { axis: 1 });
}

function drawBlock(parts: Parts, name: string, tokens: string): string {
  const { to } = parts;
  const seen = to.node("Add", [tokens, attention(parts, `${name}.attn`, layerNorm(parts, `${name}.norm1`, tokens))]);
  const hidden = gelu(to, dense(parts, `${name}.mlp.fc1`, layerNorm(parts, `${name}.norm2`, seen)));
  return to.node("Add", [seen, dense(parts, `${name}.mlp.fc2`, hidden)]);
}

/** softmax(q kᵀ / √d) v for each head. */
function attention(parts: Parts, name: string, tokens: string): string {
  const { to, heads, features } = parts;
  const all = dense(parts, `${name}.qkv`, tokens); // [N, T, 3 D]
  const split = to.node("Reshape", [all, to.integers([0, 0, 3, heads, features / heads])]);
  const ordered = to.node("Transpose", [split], { perm: [2, 0, 3, 1, 4] }); // [3, N, H, T, d]
  const [q, k, v] = [0, 1, 2].map((part) => to.node("Gather", [ordered, scalar(to, part)], { axis: 0 }));
  const scale = to.fractions([1], [1 / Math.sqrt(features / heads)]);
  const scaled = to.node("Mul", [q!, scale]); // before the product, so that half precision does not overflow
  const scores = to.node("MatMul", [scaled, to.node("Transpose", [k!], { perm: [0, 1, 3, 2] })]); // [N, H, T, T]
  const mixed = to.node("MatMul", [to.node("Softmax", [scores], { axis: -1 }), v!]); // [N, H, T, d]
  const joined = to.node("Transpose", [mixed], { perm: [0, 2, 1, 3] });
  return dense(parts, `${name}.proj`, to.node("Reshape", [joined, to.integers([0, 0, features])]));
}

/** An index without a dimension of its own. */
const scalar = (to: Drawing, value: number): string => to.node("Squeeze", [to.integers([value])]);

/** x Wᵀ + b over the last dimension. */
function dense({ to, network }: Parts, name: string, input: string): string {
  const { shape, values } = network.get(`${name}.weight`);
  const [outputs, inputs] = shape as [number, number];
  const weight = to.weight(`${name}.weight`, [inputs, outputs], transposed(values, outputs, inputs));
  return to.node("Add", [to.node("MatMul", [input, weight]), kept({ to, network }, `${name}.bias`)]);
}

const layerNorm = (parts: Parts, name: string, input: string): string =>
  parts.to.node("LayerNormalization", [input, kept(parts, `${name}.weight`), kept(parts, `${name}.bias`)], {
    ...{ axis: -1, epsilon: { float: normEpsilon } },
  });

/** x / 2 · (1 + erf(x / √2)) */
function gelu(to: Drawing, input: string): string {
  const error = to.node("Erf", [to.node("Mul", [input, to.fractions([1], [Math.SQRT1_2])])]);
  const half = to.node("Mul", [input, to.fractions([1], [0.5])]);
  return to.node("Mul", [half, to.node("Add", [error, to.fractions([1], [1])])]);
}

function kept({ to, network }: Pick<Parts, "to" | "network">, name: string): string {
  const { shape, values } = network.get(name);
  return to.weight(name, shape, values);
}

/** [rows, columns] to [columns, rows] */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column]!;
  return turned;
}
