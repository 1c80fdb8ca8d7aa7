import { z } from "zod";
import { displayName, SelfsightError } from "../errors.ts";
import {
  type BackboneName,
  type BackboneNetwork,
  backboneNames,
  freeNetwork,
  headsOf,
  isTransformer,
  loadState,
  makeBackbone,
  stateOf,
  stems,
} from "../nn/index.ts";
import { scope } from "../torch/index.ts";
import { fromStored, readSafetensors, type StoredTensors } from "./formats/safetensors.ts";

const channels = z.tuple([z.number(), z.number(), z.number()]);

/** What a weights file must say beside its tensors, so that the network can be built and fed again. */
const factsSchema = z.object({
  backbone: z.enum(backboneNames),
  stem: z.enum(stems),
  width: z.coerce.number().int().min(1).max(1024),
  /** Side of the pictures in pixels. */
  size: z.coerce.number().int().min(8).max(1024),
  /** (x - mean) / std of each channel, x in [0, 1]; JSON in the file. */
  normalization: z.object({
    mean: channels,
    std: channels.refine((std) => std.every((value) => value > 0), "each must be above 0"),
  }),
  /** Shorter side to which files are decoded, where it is not the usual one. */
  decodeSize: z.coerce.number().int().min(8).max(4096).optional(),
  /** How files are read for it, where that is not the usual way; JSON in the file. */
  rules: z
    .object({
      maxBadShare: z.number().min(0).max(1),
      range: z.tuple([z.number(), z.number()]).nullable(),
      bands: z.array(z.number().int().min(1)).nullable(),
    })
    .optional(),
});

const factNames = ["format", ...Object.keys(factsSchema.shape)];

export type BackboneDescription = z.infer<typeof factsSchema>;

export interface BackboneWeights extends BackboneDescription {
  /** Under torchvision's names. */
  weights: StoredTensors["tensors"];
  /** What stood before these names in the file, such as `module.backbone.`; other names there were passed over. */
  prefix?: string;
  /** All else that the file says of itself, such as its method or licence. */
  about?: Record<string, string>;
}

/** The backbone's part of a checkpoint's tensors, under torchvision's names. */
export const backboneTensors = (model: StoredTensors["tensors"]): StoredTensors["tensors"] => below(model, "backbone.");

const below = (tensors: StoredTensors["tensors"], prefix: string): StoredTensors["tensors"] =>
  new Map(
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]),
  );

/** The file's contents: torchvision's names, and in the metadata all that rebuilding needs; `more` is kept beside it. */
export function describeWeights(
  { weights, prefix: _, about, ...facts }: BackboneWeights,
  more: Readonly<Record<string, string>> = {},
): StoredTensors {
  const texts = Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [[name, textOf(value)]]));
  return { tensors: weights, metadata: { format: "pt", ...about, ...Object.fromEntries(texts), ...more } };
}

const textOf = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

/** Reads a weights file. Errors: checkpoint, when it is damaged or does not describe its network. */
export function readWeights(path: string): BackboneWeights {
  const { tensors, metadata } = readSafetensors(path);
  const { normalization, rules } = metadata;
  const structured = { normalization: jsonOf(normalization), ...(rules !== undefined && { rules: jsonOf(rules) }) };
  const parsed = factsSchema.safeParse({ ...metadata, ...structured });
  if (!parsed.success) throw undescribed(path, tensors, parsed.error);
  const landmarks = landmarksOf(parsed.data.backbone);
  const found = prefixOf(tensors, landmarks);
  const isTrunk = ([name]: readonly [string, unknown]) => !name.startsWith(landmarks.classifier);
  const weights = new Map([...below(tensors, found)].filter(isTrunk));
  checkWidth(path, parsed.data, weights);
  const about = Object.fromEntries(Object.entries(metadata).filter(([name]) => !factNames.includes(name)));
  return { ...parsed.data, weights, about, ...(found && { prefix: found }) };
}

/** Names by which a kind of trunk is known among others, and what is not the trunk's. */
const landmarksOf = (name: BackboneName) =>
  isTransformer(name)
    ? { first: "patch_embed.proj.weight", later: "blocks.11.attn.qkv.weight", classifier: "head." }
    : { first: "conv1.weight", later: "layer4.0.conv1.weight", classifier: "fc." };

/** Wrappers and methods put names of their own before torchvision's and timm's: the shortest one before the trunk's first layer. */
function prefixOf(tensors: StoredTensors["tensors"], { first, later }: ReturnType<typeof landmarksOf>): string {
  const roots = [...tensors.keys()].filter((name) => name === first || name.endsWith(`.${first}`));
  const prefixes = roots.map((name) => name.slice(0, -first.length)).filter((root) => tensors.has(`${root}${later}`));
  return prefixes.sort((a, b) => a.length - b.length)[0] ?? "";
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

function undescribed(path: string, tensors: StoredTensors["tensors"], error: z.ZodError): SelfsightError {
  const wrong = [...new Set(error.issues.map(({ path: key }) => String(key[0])))];
  const first = [...tensors.keys()].slice(0, 3).map(displayName).join(", ");
  return new SelfsightError(
    "checkpoint",
    `open ${displayName(path)}: ${tensors.size} tensors (${first}, ...), but ${wrong.join(", ")} missing or wrong in its metadata; backbone, stem, width, size and normalization are needed; write the file with \`selfsight export\``,
  );
}

/** A description that is larger than its tensors must not cost the memory that it claims. */
function checkWidth(path: string, { backbone, width }: BackboneDescription, weights: StoredTensors["tensors"]): void {
  const { found, isRight } = isTransformer(backbone)
    ? transformerWidth(weights, headsOf[backbone] * width)
    : residualWidth(weights, width);
  if (isRight) return;
  throw new SelfsightError(
    "checkpoint",
    `open ${displayName(path)}: its metadata says width ${width}, its tensors have ${found}; both must agree; use another copy`,
  );
}

function residualWidth(weights: StoredTensors["tensors"], width: number) {
  const [first, last] = ["bn1.weight", "layer4.0.bn1.weight"].map((name) => weights.get(name)?.shape[0] ?? 0);
  const largest = weights.get("layer4.0.conv2.weight")?.shape.slice(0, 2).join();
  return { found: first, isRight: first === width && last === 8 * width && largest === `${8 * width},${8 * width}` };
}

function transformerWidth(weights: StoredTensors["tensors"], channels: number) {
  const largest = weights.get("blocks.11.mlp.fc1.weight")?.shape;
  const found = `${largest?.[1] ?? 0} channels in all heads`;
  return { found, isRight: largest?.join() === `${4 * channels},${channels}` };
}

const loaded = (weights: StoredTensors["tensors"]) =>
  Array.from(weights, ([name, value]) => [name, fromStored(value)] as const);

/** Older PyTorch did not count a norm's batches, and nothing here depends on the count: zero, as in a new network. */
const uncounted = (network: BackboneNetwork) =>
  [...stateOf(network)].filter(([name]) => name.endsWith("num_batches_tracked"));

/** Builds the network with the given weights; to be freed with `freeNetwork`. Errors: checkpoint, when names or shapes differ. */
export function buildBackbone({ weights, ...description }: BackboneWeights): BackboneNetwork {
  const network = makeBackbone({ ...description, zeroInitResidual: false });
  try {
    scope(() => loadState(network, new Map([...uncounted(network), ...loaded(weights)])));
    return network;
  } catch (error) {
    freeNetwork(network);
    throw error;
  }
}
