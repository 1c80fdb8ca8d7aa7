// The same network under everybody's names comes in as the same tensors, opens, and gives the same features; what does not fit is said.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratchFolder } from "../../test/tiny-run.ts";
import { call, global, type Tree, text, torchLegacy, torchZip } from "../../test/torch-file.ts";
import { untrainedBackbone } from "../evaluate/index.ts";
import { makeFolder } from "../files.ts";
import { type BackboneOptions, freeNetwork, stateOf } from "../nn/index.ts";
import { describeWeights, encodeSafetensors, readSafetensors, type StoredTensor, storedMap } from "../weights/index.ts";
import { type ImportOptions, importWeights, listCatalogue } from "./import.ts";
import { openRun } from "./model.ts";

type Tensors = Map<string, StoredTensor>;

const scratch = scratchFolder();
const folder = scratch.next();
afterAll(scratch.remove);
beforeAll(() => makeFolder(folder));
const at = (name: string) => join(folder, name);

/** First weights of a network, with running statistics that are not those of a new one. */
function weightsOf(options: Omit<BackboneOptions, "zeroInitResidual">): Tensors {
  const network = untrainedBackbone({ ...options, zeroInitResidual: false, seed: 3 });
  const found = storedMap(stateOf(network));
  freeNetwork(network);
  let count = 0;
  for (const [name, { bytes }] of found)
    if (/running_|bias/.test(name)) {
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      for (let i = 0; i < values.length; i++) values[i] = 0.2 + ((7919 * ++count) % 1000) / 1000;
    } else if (name.endsWith("tracked")) bytes[0] = 7;
  return found;
}

const shapes = {
  residual: { backbone: "resnet18", stem: "imagenet", width: 8, size: 224 },
  bottleneck: { backbone: "resnet50", stem: "imagenet", width: 4, size: 224 },
  small: { backbone: "resnet18", stem: "small", width: 8, size: 32 },
  transformer: { backbone: "vit-tiny", stem: "patch-16", width: 64, size: 32 },
  twelveHeads: { backbone: "vit-base", stem: "patch-16", width: 32, size: 32 },
} as const satisfies Record<string, Omit<BackboneOptions, "zeroInitResidual">>;
type Kind = keyof typeof shapes;

const made = new Map<Kind, Tensors>();
function own(kind: Kind): Tensors {
  if (!made.has(kind)) made.set(kind, weightsOf(shapes[kind]));
  return made.get(kind)!;
}

// ---- everybody's names, from ours ----

const noise: StoredTensor = { dtype: "F32", shape: [2], bytes: new Uint8Array(Float32Array.of(1, 2).buffer) };
const named = (tensors: Tensors, rename: (name: string) => string): Tree =>
  new Map(Array.from(tensors, ([name, value]) => [rename(name), value] as const));
const below = (prefix: string, tensors: Tensors): Tree => named(tensors, (name) => prefix + name);
const together = (...trees: Tree[]): Tree => new Map(trees.flatMap((tree) => [...tree]));
const heads = (...names: string[]): Tree => new Map(names.map((name) => [name, noise]));
const inside = (key: string, tree: Tree): Tree => new Map([[key, tree]]);
/** The same trunk with other numbers. */
const slow = (tensors: Tensors): Tensors =>
  new Map(Array.from(tensors, ([name, value]) => [name, { ...value, bytes: new Uint8Array(value.bytes.length) }]));

const children = { conv1: 0, bn1: 1, layer1: 4, layer2: 5, layer3: 6, layer4: 7 } as const;
const smallChildren = { conv1: 0, bn1: 1, layer1: 2, layer2: 3, layer3: 4, layer4: 5 } as const;
const byNumber = (numbers: Readonly<Record<string, number>>) => (name: string) => {
  const [first, ...rest] = name.split(".");
  return [numbers[first!], ...rest].join(".");
};

function huggingFaceResidual(name: string): string {
  const kind = (word: string) => (word.startsWith("conv") ? "convolution" : "normalization");
  const stem = /^(conv1|bn1)\.(.*)$/.exec(name);
  if (stem) return `embedder.embedder.${kind(stem[1]!)}.${stem[2]}`;
  const [, stage, block, part, rest] = /^layer(\d)\.(\d+)\.(?:(conv\d|bn\d|downsample\.\d))\.(.*)$/.exec(name)!;
  const place = `encoder.stages.${Number(stage) - 1}.layers.${block}`;
  if (part!.startsWith("downsample"))
    return `${place}.shortcut.${part!.endsWith("0") ? "convolution" : "normalization"}.${rest}`;
  return `${place}.layer.${Number(part!.at(-1)) - 1}.${kind(part!)}.${rest}`;
}

function huggingFaceTransformer(tensors: Tensors): Tree {
  const tree: Tree = new Map();
  const words: [RegExp, string][] = [
    [/^cls_token/, "embeddings.cls_token"],
    [/^pos_embed/, "embeddings.position_embeddings"],
    [/^patch_embed\.proj/, "embeddings.patch_embeddings.projection"],
    [/^blocks\.(\d+)\.norm1/, "encoder.layer.$1.layernorm_before"],
    [/^blocks\.(\d+)\.norm2/, "encoder.layer.$1.layernorm_after"],
    [/^blocks\.(\d+)\.attn\.proj/, "encoder.layer.$1.attention.output.dense"],
    [/^blocks\.(\d+)\.mlp\.fc1/, "encoder.layer.$1.intermediate.dense"],
    [/^blocks\.(\d+)\.mlp\.fc2/, "encoder.layer.$1.output.dense"],
    [/^norm/, "layernorm"],
  ];
  for (const [name, value] of tensors) {
    const [, block, end] = /^blocks\.(\d+)\.attn\.qkv\.(\w+)$/.exec(name) ?? [];
    const rule = words.find(([pattern]) => pattern.test(name));
    if (block === undefined) tree.set(name.replace(...rule!), value);
    else
      for (const [i, part] of ["query", "key", "value"].entries())
        tree.set(`encoder.layer.${block}.attention.attention.${part}.${end}`, third(value, i));
  }
  return tree;
}

function third({ dtype, shape, bytes }: StoredTensor, i: number): StoredTensor {
  const length = bytes.length / 3;
  return { dtype, shape: [shape[0]! / 3, ...shape.slice(1)], bytes: bytes.slice(i * length, (i + 1) * length) };
}

const torchvisionTransformer = (name: string): string =>
  name
    .replace(/^cls_token/, "class_token")
    .replace(/^pos_embed/, "encoder.pos_embedding")
    .replace(/^patch_embed\.proj/, "conv_proj")
    .replace(/^norm\./, "encoder.ln.")
    .replace(/^blocks\.(\d+)\.norm(\d)/, "encoder.layers.encoder_layer_$1.ln_$2")
    .replace(/^blocks\.(\d+)\.attn\.qkv\./, "encoder.layers.encoder_layer_$1.self_attention.in_proj_")
    .replace(/^blocks\.(\d+)\.attn\.proj/, "encoder.layers.encoder_layer_$1.self_attention.out_proj")
    .replace(/^blocks\.(\d+)\.mlp\.fc1/, "encoder.layers.encoder_layer_$1.mlp.0")
    .replace(/^blocks\.(\d+)\.mlp\.fc2/, "encoder.layers.encoder_layer_$1.mlp.3");

interface Case {
  of: Kind;
  tree(tensors: Tensors): Tree;
  layout: string;
  taken?: string;
  others?: string[];
  options?: Partial<ImportOptions>;
}

const cases: Record<string, Case> = {
  "torchvision ResNet": {
    of: "residual",
    tree: (t) => together(below("", t), heads("fc.weight", "fc.bias")),
    layout: "torchvision",
  },
  "Barlow Twins, VICReg and DINO, resnet50.pth": {
    of: "bottleneck",
    tree: (t) => below("", t),
    layout: "names of torchvision",
  },
  "Barlow Twins, checkpoint.pth": {
    of: "bottleneck",
    tree: (t) =>
      inside(
        "model",
        together(below("module.backbone.", t), heads("module.projector.0.weight", "module.bn.running_mean")),
      ),
    layout: "Barlow Twins",
  },
  "VICReg, whole checkpoint": {
    of: "bottleneck",
    tree: (t) => inside("model", together(below("module.backbone.", t), heads("module.projector.0.weight"))),
    layout: "VICReg",
  },
  VISSL: {
    of: "bottleneck",
    tree: (t) =>
      inside(
        "classy_state_dict",
        inside(
          "base_model",
          inside(
            "model",
            together(inside("trunk", below("_feature_blocks.", t)), inside("heads", heads("0.clf.0.weight"))),
          ),
        ),
      ),
    layout: "VISSL",
  },
  "MoCo v1": {
    of: "bottleneck",
    tree: (t) =>
      inside(
        "state_dict",
        together(
          below("module.encoder_q.", t),
          heads("module.encoder_q.fc.weight", "module.queue"),
          below("module.encoder_k.", slow(t)),
        ),
      ),
    layout: "MoCo v1",
    taken: "encoder_q",
    others: ["encoder_k"],
  },
  "MoCo v2": {
    of: "bottleneck",
    tree: (t) =>
      inside(
        "state_dict",
        together(
          below("module.encoder_q.", t),
          heads("module.encoder_q.fc.0.weight", "module.encoder_q.fc.2.weight", "module.queue"),
        ),
      ),
    layout: "MoCo v2",
    taken: "encoder_q",
  },
  "MoCo v3 ResNet": {
    of: "bottleneck",
    tree: (t) =>
      inside(
        "state_dict",
        together(
          below("module.momentum_encoder.", slow(t)),
          below("module.base_encoder.", t),
          heads("module.base_encoder.fc.0.weight", "module.predictor.0.weight"),
        ),
      ),
    layout: "MoCo v3",
    taken: "base_encoder",
    others: ["momentum_encoder"],
  },
  "MoCo v3 ViT-S, twelve heads": {
    of: "twelveHeads",
    tree: (t) =>
      inside("state_dict", together(below("module.base_encoder.", t), heads("module.base_encoder.head.0.weight"))),
    layout: "MoCo v3",
    taken: "base_encoder",
  },
  SimSiam: {
    of: "bottleneck",
    tree: (t) =>
      inside(
        "state_dict",
        together(below("module.encoder.", t), heads("module.encoder.fc.0.weight", "module.predictor.0.weight")),
      ),
    layout: "SimSiam",
    taken: "encoder",
  },
  SwAV: {
    of: "bottleneck",
    tree: (t) => together(below("module.", t), heads("module.projection_head.0.weight", "module.prototypes.weight")),
    layout: "SwAV",
  },
  "DINO ViT": { of: "transformer", tree: (t) => below("", t), layout: "names of timm" },
  "DINO, whole checkpoint": {
    of: "transformer",
    tree: (t) =>
      together(
        inside("student", together(below("module.backbone.", slow(t)), heads("module.head.last_layer.weight_g"))),
        inside("teacher", together(below("backbone.", t), heads("head.last_layer.weight_g"))),
      ),
    layout: "DINO",
    taken: "teacher",
    others: ["student"],
    options: {},
  },
  "BYOL, online_encoder.net": {
    of: "residual",
    tree: (t) =>
      together(
        below("online_encoder.net.", t),
        heads("online_encoder.projector.0.weight"),
        below("target_encoder.net.", slow(t)),
      ),
    layout: "BYOL",
    taken: "online_encoder",
    others: ["target_encoder"],
  },
  "BYOL, online_network": {
    of: "residual",
    tree: (t) =>
      inside(
        "model",
        together(below("module.online_network.encoder.", t), below("module.target_network.encoder.", slow(t))),
      ),
    layout: "BYOL",
    taken: "online_network",
    others: ["target_network"],
  },
  "BYOL, by number": {
    of: "residual",
    tree: (t) =>
      inside(
        "online_network_state_dict",
        named(t, (name) => `encoder.${byNumber(children)(name)}`),
      ),
    layout: "BYOL",
  },
  "solo-learn": {
    of: "residual",
    tree: (t) =>
      inside(
        "state_dict",
        together(
          below("backbone.", t),
          heads("projector.0.weight", "classifier.weight"),
          below("momentum_backbone.", slow(t)),
        ),
      ),
    layout: "solo-learn",
    taken: "backbone",
    others: ["momentum_backbone"],
  },
  LightlySSL: {
    of: "residual",
    tree: (t) =>
      inside(
        "state_dict",
        together(
          named(t, (name) => `backbone.${byNumber(children)(name)}`),
          heads("projection_head.layers.0.weight"),
        ),
      ),
    layout: "LightlySSL",
  },
  "LightlySSL, for small pictures": {
    of: "small",
    tree: (t) =>
      inside(
        "state_dict",
        together(
          named(t, (name) => `backbone.${byNumber(smallChildren)(name).replace("downsample", "shortcut")}`),
          heads("projection_head.layers.0.weight"),
        ),
      ),
    layout: "LightlySSL",
    options: { normalization: "cifar10" },
  },
  "Lightning, model.": {
    of: "residual",
    tree: (t) => inside("state_dict", below("model.", t)),
    layout: "names of torchvision",
  },
  "Lightning, feature_extractor by number": {
    of: "residual",
    tree: (t) =>
      inside(
        "state_dict",
        named(t, (name) => `feature_extractor.${byNumber(children)(name)}`),
      ),
    layout: "names of torchvision, by number",
  },
  "torch.compile around DataParallel": {
    of: "residual",
    tree: (t) => below("_orig_mod.module.", t),
    layout: "names of torchvision",
  },
  "timm ViT": {
    of: "transformer",
    tree: (t) => together(below("", t), heads("head.weight", "head.bias")),
    layout: "timm",
    options: { normalization: "half" },
  },
  "torchvision ViT": {
    of: "transformer",
    tree: (t) => together(named(t, torchvisionTransformer), heads("heads.head.weight")),
    layout: "torchvision",
  },
  "Hugging Face ResNet-18": {
    of: "residual",
    tree: (t) => named(t, (name) => `resnet.${huggingFaceResidual(name)}`),
    layout: "Hugging Face",
  },
  "Hugging Face ResNet-50": {
    of: "bottleneck",
    tree: (t) => together(named(t, huggingFaceResidual), heads("classifier.1.weight")),
    layout: "Hugging Face",
  },
  "Hugging Face ViT": {
    of: "transformer",
    tree: (t) =>
      together(
        new Map(Array.from(huggingFaceTransformer(t), ([name, value]) => [`vit.${name}`, value])),
        heads("vit.pooler.dense.weight", "classifier.weight"),
      ),
    layout: "Hugging Face",
    options: { normalization: "half" },
  },
};

const picture = { pixels: Uint8Array.from({ length: 3 * 40 * 40 }, (_, i) => (i * 37) % 251), height: 40, width: 40 };

async function featuresOf(path: string): Promise<Float32Array> {
  using model = openRun(path, { size: 32, device: "cpu", precision: "fp32" });
  return await model.embed(picture);
}

/** Our own file of the same tensors, and its features. */
const references = new Map<string, Promise<Float32Array>>();
function reference(kind: Kind, normalization: { mean: number[]; std: number[] }): Promise<Float32Array> {
  const key = `${kind} ${normalization.mean} ${normalization.std}`;
  if (!references.has(key)) {
    const path = at(`own-${references.size}.safetensors`);
    const three = normalization as { mean: [number, number, number]; std: [number, number, number] };
    writeFileSync(
      path,
      Buffer.concat(encodeSafetensors(describeWeights({ ...shapes[kind], normalization: three, weights: own(kind) }))),
    );
    references.set(key, featuresOf(path));
  }
  return references.get(key)!;
}

describe("one network under the names of", () => {
  test.each(Object.entries(cases))("%s", async (_, { of, tree, layout, taken, others = [], options = {} }) => {
    const [source, out] = [at("foreign.pth"), at("out.safetensors")];
    writeFileSync(
      source,
      torchZip(
        new Map<string, Tree extends Map<string, infer V> ? V : never>([
          ...tree(own(of)),
          ["epoch", call(global("argparse", "Namespace"))],
        ]),
      ),
    );
    const report = await importWeights(source, { out, ...options });
    const { mean, std } = report.normalization;
    expect(report).toMatchObject({ layout, others, ...shapes[of], ...(taken && { taken }) });
    expect({ ...report.table, loaded: 0 }).toEqual({ loaded: 0, missing: [], unexpected: [], shape: [] });
    const written = readSafetensors(out);
    expect(new Set(written.tensors.keys())).toEqual(new Set(own(of).keys()));
    for (const [name, { shape, bytes }] of own(of)) {
      const found = written.tensors.get(name)!;
      expect([name, found.shape, Buffer.from(found.bytes).equals(bytes)]).toEqual([name, shape, true]);
    }
    expect(await featuresOf(out)).toEqual(await reference(of, { mean, std }));
  });
});

const simple = () => below("", own("residual"));
const saved = (tree: Tree, name = "case.pth"): string => {
  writeFileSync(at(name), torchZip(tree));
  return at(name);
};
const out = () => at("case.safetensors");
const refused = (source: string, options: Partial<ImportOptions> = {}) =>
  importWeights(source, { out: out(), ...options }).then(
    () => "accepted",
    (error: Error & { kind?: string }) => `${error.kind}: ${error.message}`,
  );
const without = (tree: Tree, ...names: string[]): Tree => new Map([...tree].filter(([name]) => !names.includes(name)));

describe("a part", () => {
  test("is refused with what is missing, and taken when asked for", async () => {
    const part = saved(without(simple(), "layer4.1.conv2.weight", "layer4.1.bn2.weight"));
    expect(await refused(part)).toMatch(
      /^checkpoint: import: .*case.pth: 118 of 120 tensors fit; layer4.1.conv2.weight is missing; layer4.1.bn2.weight is missing; the whole trunk is needed; --partial takes what fits/,
    );
    const { table, notes } = await importWeights(part, { out: out(), partial: true });
    expect(notes).toEqual(["2 of 120 tensors are those of an untrained network"]);
    expect(table.missing).toEqual(["layer4.1.conv2.weight", "layer4.1.bn2.weight"]);
    expect(readSafetensors(out()).metadata.untrained).toBe("2 of 120 tensors");
    expect(await refused(out())).toMatch(/^configuration: .*is a file of Selfsight's; .*give this one to `embed`/);
    expect(await featuresOf(out())).toHaveLength(64);
  });

  test("of less than half is refused all the same", async () => {
    const few = [...simple()].filter(([name]) => /^conv1|^layer4.0.conv1|^layer[1-4].[01].bn1.bias/.test(name));
    expect(await refused(saved(new Map(few)), { partial: true })).toMatch(
      /10 of 100 tensors fit.*use a checkpoint of such/,
    );
  });

  test("of another shape, or too much, is refused with what was found and needed", async () => {
    const tree = simple();
    expect(await refused(saved(together(tree, new Map([["layer2.0.bn1.weight", noise]]))))).toMatch(
      /layer2.0.bn1.weight is \[2\], \[16\] is needed/,
    );
    expect(await refused(saved(together(tree, heads("layer1.0.se.fc.weight"))))).toMatch(
      /layer1.0.se.fc.weight has no place/,
    );
    const transformer = below("", own("transformer"));
    expect(await refused(saved(together(transformer, heads("blocks.0.ls1.gamma", "register_tokens"))))).toMatch(
      /blocks.0.ls1.gamma has no place; register_tokens has no place/,
    );
  });

  test("what differs from the network that it was is noted", async () => {
    const tree = inside("state_dict", together(below("backbone.", own("small")), heads("projector.0.weight")));
    const { layout, notes } = await importWeights(saved(tree), { out: out(), normalization: "cifar10" });
    expect([layout, notes]).toEqual(["solo-learn", [expect.stringMatching(/pads the first convolution by 2/)]]);
  });

  test("older files without counts of batches are whole", async () => {
    const uncounted = [...simple()].filter(([name]) => !name.endsWith("tracked"));
    const { table } = await importWeights(saved(new Map(uncounted)), { out: out() });
    expect(table.missing).toEqual([]);
  });
});

describe("which trunk", () => {
  const both = () =>
    inside(
      "state_dict",
      together(below("module.encoder_q.", own("residual")), below("module.encoder_k.", slow(own("residual")))),
    );

  test("is chosen by name", async () => {
    const report = await importWeights(saved(both()), { out: out(), take: "encoder_k" });
    expect(report).toMatchObject({ taken: "encoder_k", others: ["encoder_q"] });
    expect(
      readSafetensors(out())
        .tensors.get("conv1.weight")!
        .bytes.every((byte) => byte === 0),
    ).toBe(true);
    expect(await refused(saved(both()), { take: "encoder_w" })).toMatch(
      /^configuration: .*has encoder_q, encoder_k; check the name. Did you mean encoder_/,
    );
  });

  test("is asked for where none is the trained one", async () => {
    const twins = together(below("left.", own("residual")), below("right.", own("residual")));
    expect(await refused(saved(twins))).toMatch(
      /^configuration: .*several trunks: left, right; choose one with --take/,
    );
  });
});

describe("normalisation", () => {
  const transformer = () => together(below("", own("transformer")), heads("head.weight"));

  test("is asked for where nobody knows it", async () => {
    expect(await refused(saved(transformer()))).toMatch(
      /^configuration: .*does not say how its pictures are normalised; .*--normalization, most likely half .*or imagenet/,
    );
    expect(await refused(saved(below("", own("small"))))).toMatch(/most likely cifar10, imagenet or none/);
  });

  test.each([
    ["preprocessor_config.json", { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }],
    ["config.json", { pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } }],
  ])("is read from %s beside the file", async (name, settings) => {
    const place = at(name.replace(".", "-"));
    makeFolder(place);
    writeFileSync(join(place, name), JSON.stringify(settings));
    writeFileSync(join(place, "model.pth"), torchZip(transformer()));
    const report = await importWeights(join(place, "model.pth"), { out: out() });
    expect([report.normalization.mean, report.normalizationFrom]).toEqual([[0.5, 0.5, 0.5], `${name} beside it`]);
  });

  test("SwAV has a deviation of its own", async () => {
    const { normalization } = await importWeights(
      saved(together(below("module.", own("residual")), heads("module.prototypes.weight"))),
      { out: out() },
    );
    expect(normalization.std).toEqual([0.228, 0.224, 0.225]);
  });
});

describe("what else is refused", () => {
  test.each<[string, () => Tree, RegExp]>([
    [
      "another network",
      () => heads("features.0.weight", "classifier.1.weight"),
      /has 2 tensors \(features.0.weight, classifier.1.weight, ...\); a residual/,
    ],
    [
      "another depth",
      () =>
        together(
          simple(),
          named(own("residual"), (name) => name.replace("layer3.1", "layer3.2")),
        ),
      /residual network of 2 \+ 2 \+ 3 \+ 2 blocks; resnet18/,
    ],
    [
      "a deeper transformer",
      () =>
        together(
          below("", own("transformer")),
          named(own("transformer"), (name) => name.replace("blocks.0.", "blocks.12.")),
        ),
      /13 blocks and 192 channels/,
    ],
    [
      "an odd first convolution",
      () => together(simple(), new Map([["conv1.weight", noise]])),
      /a first convolution of \[2\]/,
    ],
    [
      "a sparse tensor of the trunk",
      () =>
        together(simple(), new Map([["layer1.0.bn1.bias", call(global("torch._utils", "_rebuild_sparse_tensor"))]])),
      /layer1.0.bn1.bias is sparse; a dense/,
    ],
  ])("%s", async (_, tree, reason) => {
    expect(await refused(saved(tree()), { normalization: "none" })).toMatch(/^checkpoint: /);
    expect(await refused(saved(tree()), { normalization: "none" })).toMatch(reason);
  });

  test("values that are not finite, with the tensor", async () => {
    const broken = {
      ...noise,
      shape: [8],
      bytes: new Uint8Array(Float32Array.of(0, 0, 0, Number.NaN, 0, 0, 0, 0).buffer),
    };
    expect(await refused(saved(together(simple(), new Map([["bn1.weight", broken]]))))).toMatch(
      /bn1.weight holds values that are not finite/,
    );
  });

  test("another digest, a size for a transformer, a name that there is not, a folder", async () => {
    const path = saved(simple());
    const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
    expect(await refused(path, { sha256: digest.slice(0, 10) })).toBe("accepted");
    expect(await refused(path, { sha256: "0123456789" })).toMatch(
      /^checkpoint: .*its sha256 is [0-9a-f]{64}; 0123456789... is needed/,
    );
    expect(await refused(saved(below("", own("transformer"))), { size: 64 })).toMatch(
      /^configuration: .*positions are for 32 pixels/,
    );
    expect(await refused("barlow-twins-resnet05")).toMatch(/is no file; .*Did you mean barlow-twins-resnet50\?/);
    expect(await refused(folder)).toMatch(/is no file/);
    expect(await refused("http://[")).toMatch(/^configuration: .*is no address/);
  });

  test("options of a program without types", async () => {
    expect(await refused("a", { normalization: "inception" as "half" })).toMatch(
      /^configuration: import: normalization/,
    );
    expect(await refused("a", { sha256: "xyz" })).toMatch(/6 to 64 hexadecimal digits/);
  });
});

test("float16, bfloat16 and float64 become float32; safetensors and the legacy layout come in like the zip", async () => {
  const halves = new Map(
    Array.from(own("residual"), ([name, value]) => [name, value.dtype === "F32" ? asHalf(value) : value]),
  );
  writeFileSync(
    at("half.safetensors"),
    Buffer.concat(encodeSafetensors({ tensors: halves, metadata: { format: "pt" } })),
  );
  await importWeights(at("half.safetensors"), { out: out() });
  expect(readSafetensors(out()).tensors.get("conv1.weight")).toMatchObject({ dtype: "F32" });
  writeFileSync(at("old.pth"), torchLegacy(new Map([["arch", text("resnet18")], ...simple()])));
  await importWeights(at("old.pth"), { out: out() });
  expect(await featuresOf(out())).toEqual(
    await reference("residual", { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
  );
});

const asHalf = ({ shape, bytes }: StoredTensor): StoredTensor => {
  const upper = new Uint8Array(bytes.length / 2); // bfloat16: the upper half of each float32
  for (let i = 0; i < upper.length; i += 2) upper.set(bytes.subarray(2 * i + 2, 2 * i + 4), i);
  return { dtype: "BF16", shape, bytes: upper };
};

test("every name of the catalogue is one of a kind, with address, page, licence and figure", () => {
  const entries = listCatalogue();
  expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length);
  for (const { name, url, page, licence, figure, sha256 = "00000000", md5 = "00000000" } of entries) {
    expect(name).toMatch(/^[a-z0-9-]+$/);
    expect([new URL(url).protocol, new URL(page).protocol]).toEqual(["https:", "https:"]);
    expect([licence, figure, sha256, md5].every((fact) => fact.length >= 3)).toBe(true);
    const published = /-([0-9a-f]{8})\.pth$/.exec(url)?.[1];
    expect(published).toBe(sha256 === "00000000" ? undefined : sha256);
  }
});
