// How programs call the tensors of a trunk, and how each is called here: residual networks as torchvision has them, vision transformers
// as timm has them.

/** Where a tensor goes: the whole of one of ours, or one of three that ours holds one below the other (query, key, value). */
export interface Place {
  name: string;
  part?: 0 | 1 | 2;
}

export interface Naming {
  /** Whose names these are. */
  whose: string;
  kind: "residual" | "transformer";
  /** Names that every such trunk has; what stands before both is its prefix. */
  landmarks: readonly [first: string, later: string];
  /** Our name for one of theirs below the prefix; undefined for what belongs to no trunk (heads, queues). */
  place(name: string): Place | undefined;
}

const withRules =
  (rules: readonly (readonly [RegExp, string])[]) =>
  (name: string): Place | undefined => {
    const rule = rules.find(([pattern]) => pattern.test(name));
    return rule && { name: name.replace(rule[0], rule[1]) };
  };

/** Children of a network that was taken apart and put together by number: `4.0.conv1.weight`. */
const numbered = (layers: Readonly<Record<string, string>>) => (name: string) => {
  const [, number, rest] = /^(\d+)\.(.+)$/.exec(name) ?? [];
  const layer = number !== undefined && Object.hasOwn(layers, number) ? layers[number] : undefined;
  return layer === undefined ? undefined : { name: `${layer}.${downsampleOf(rest!)}` };
};

/** LightlySSL's small networks say `shortcut` for it. */
const downsampleOf = (name: string): string => name.replace(/(^|\.)shortcut\./, "$1downsample.");

const torchvisionResNet: Naming = {
  whose: "torchvision",
  kind: "residual",
  landmarks: ["conv1.weight", "layer4.0.conv1.weight"],
  place: (name) => (/^(conv1|bn1|layer[1-4])\./.test(name) ? { name: downsampleOf(name) } : undefined),
};

const numberedResNet: Naming = {
  whose: "torchvision, by number",
  kind: "residual",
  landmarks: ["0.weight", "7.0.conv1.weight"],
  place: numbered({ 0: "conv1", 1: "bn1", 4: "layer1", 5: "layer2", 6: "layer3", 7: "layer4" }),
};

const lightlyResNet: Naming = {
  whose: "LightlySSL, by number",
  kind: "residual",
  landmarks: ["0.weight", "5.0.conv1.weight"],
  place: numbered({ 0: "conv1", 1: "bn1", 2: "layer1", 3: "layer2", 4: "layer3", 5: "layer4" }),
};

const huggingFaceResNet: Naming = {
  whose: "Hugging Face",
  kind: "residual",
  landmarks: ["embedder.embedder.convolution.weight", "encoder.stages.3.layers.0.layer.0.convolution.weight"],
  place(name) {
    const [, stem, end] = /^embedder\.embedder\.(convolution|normalization)\.(.+)$/.exec(name) ?? [];
    if (stem) return { name: `${stem === "convolution" ? "conv1" : "bn1"}.${end}` };
    const inBlock =
      /^encoder\.stages\.(\d+)\.layers\.(\d+)\.(?:layer\.(\d+)|shortcut)\.(convolution|normalization)\.(.+)$/;
    const [, stage, block, layer, kind, rest] = inBlock.exec(name) ?? [];
    if (stage === undefined) return name.startsWith("encoder.") ? { name } : undefined;
    const isConvolution = kind === "convolution";
    const part =
      layer === undefined
        ? `downsample.${isConvolution ? 0 : 1}`
        : `${isConvolution ? "conv" : "bn"}${Number(layer) + 1}`;
    return { name: `layer${Number(stage) + 1}.${block}.${part}.${rest}` };
  },
};

/** What stands beside the blocks and changes what they compute; no trunk here has it. */
const foreignParts = /^(register_tokens|reg_token|dist_token|norm_pre|fc_norm|ln_pre)\b/;

const timmTransformer: Naming = {
  whose: "timm",
  kind: "transformer",
  landmarks: ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"],
  place: (name) =>
    /^(cls_token$|pos_embed$|patch_embed\.|blocks\.|norm\.)/.test(name) || foreignParts.test(name)
      ? { name }
      : undefined,
};

const huggingFaceRules = withRules([
  [/^embeddings\.cls_token$/, "cls_token"],
  [/^embeddings\.position_embeddings$/, "pos_embed"],
  [/^embeddings\.patch_embeddings\.projection\./, "patch_embed.proj."],
  [/^encoder\.layer\.(\d+)\.attention\.output\.dense\./, "blocks.$1.attn.proj."],
  [/^encoder\.layer\.(\d+)\.layernorm_before\./, "blocks.$1.norm1."],
  [/^encoder\.layer\.(\d+)\.layernorm_after\./, "blocks.$1.norm2."],
  [/^encoder\.layer\.(\d+)\.intermediate\.dense\./, "blocks.$1.mlp.fc1."],
  [/^encoder\.layer\.(\d+)\.output\.dense\./, "blocks.$1.mlp.fc2."],
  [/^layernorm\./, "norm."],
  [/^(encoder\..*|embeddings\.(?:register_tokens|distillation_token))$/, "$1"],
]);

const huggingFaceTransformer: Naming = {
  whose: "Hugging Face",
  kind: "transformer",
  landmarks: ["embeddings.patch_embeddings.projection.weight", "encoder.layer.0.attention.attention.query.weight"],
  place(name) {
    const [, block, which, end] =
      /^encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.(\w+)$/.exec(name) ?? [];
    if (block === undefined) return huggingFaceRules(name);
    return { name: `blocks.${block}.attn.qkv.${end}`, part: ["query", "key", "value"].indexOf(which!) as 0 | 1 | 2 };
  },
};

const torchvisionTransformer: Naming = {
  whose: "torchvision",
  kind: "transformer",
  landmarks: ["conv_proj.weight", "encoder.layers.encoder_layer_0.self_attention.in_proj_weight"],
  place: withRules([
    [/^class_token$/, "cls_token"],
    [/^encoder\.pos_embedding$/, "pos_embed"],
    [/^conv_proj\./, "patch_embed.proj."],
    [/^encoder\.ln\./, "norm."],
    [/^encoder\.layers\.encoder_layer_(\d+)\.ln_([12])\./, "blocks.$1.norm$2."],
    [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_/, "blocks.$1.attn.qkv."],
    [/^encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\./, "blocks.$1.attn.proj."],
    [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:0|linear_1)\./, "blocks.$1.mlp.fc1."],
    [/^encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:3|linear_2)\./, "blocks.$1.mlp.fc2."],
    [/^(encoder\..*)$/, "$1"],
  ]),
};

/** All that are known; where two fit one prefix, the first holds. */
export const namings: readonly Naming[] = [
  torchvisionResNet,
  numberedResNet,
  lightlyResNet,
  huggingFaceResNet,
  timmTransformer,
  huggingFaceTransformer,
  torchvisionTransformer,
];
