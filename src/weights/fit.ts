// A trunk of somebody else's file laid over a network of ours: which tensors fit, which are missing, and the tensors themselves.
import { displayName, SelfsightError } from "../errors.ts";
import type { Tensor } from "../torch/index.ts";
import { type StoredTensor, stored, toFloat32 } from "./formats/safetensors.ts";
import type { TensorFacts, WeightsFile } from "./formats/weights-file.ts";
import { residualShape, type TrunkShape, transformerShape } from "./layouts/description.ts";
import { type Family, familyOf } from "./layouts/families.ts";
import { chosenTrunk, type FoundTrunk, findTrunks } from "./layouts/trunks.ts";

/** A trunk found in a file, and what it is. */
export interface Recognized {
  trunk: FoundTrunk;
  /** Other trunks in the file, by name. */
  others: string[];
  family: Family;
  shape: TrunkShape;
  /** Our names, each with the file's tensors that make it up, in order. */
  sources: ReadonlyMap<string, readonly string[]>;
  /** What belongs to no trunk, by the part of the file that it stands in, with the number of tensors. */
  leftOut: Readonly<Record<string, number>>;
}

/** How the tensors of a file fit a network. */
export interface LoadTable {
  /** Of the network's tensors, in its order. */
  loaded: string[];
  missing: string[];
  /** In the trunk of the file, and nowhere in the network. */
  unexpected: string[];
  shape: { name: string; found: readonly number[]; needed: readonly number[] }[];
}

/** Errors: checkpoint, where no trunk is found or none of its kind is here; configuration, as of `chosenTrunk`. */
export function recognize(path: string, { tensors, unreadable }: WeightsFile, take?: string): Recognized {
  const trunks = findTrunks(new Map<string, unknown>([...tensors, ...unreadable]));
  if (trunks.length === 0) throw noTrunk(path, tensors);
  const trunk = chosenTrunk(path, trunks, take);
  refuseUnreadable(path, unreadable, trunk);
  const family = familyOf(trunk, tensors);
  const { sources, leftOut } = sorted(tensors, trunk, trunks);
  const shapes = new Map(
    Array.from(sources, ([name, parts]) => [name, joinedShape(parts.map((part) => tensors.get(part)!.shape))]),
  );
  const shape =
    trunk.naming.kind === "residual"
      ? residualShape(path, shapes)
      : transformerShape(path, shapes, headsIn(family, shapes));
  const others = trunks.filter((other) => other !== trunk).map(({ name }) => name);
  return { trunk, others, family, shape, sources, leftOut };
}

/** MoCo v3's ViT-S has twelve heads of 32 channels, where all others have six of 64. */
const headsIn = ({ layout }: Family, shapes: ReadonlyMap<string, readonly number[]>): number | undefined =>
  layout === "MoCo v3" && shapes.get("patch_embed.proj.weight")?.[0] === 384 ? 12 : undefined;

function noTrunk(path: string, tensors: ReadonlyMap<string, TensorFacts>): SelfsightError {
  const first = [...tensors.keys()].slice(0, 3).map(displayName).join(", ");
  return new SelfsightError(
    "checkpoint",
    `import: ${displayName(path)} has ${tensors.size} tensors (${first}, ...); a residual network or a vision transformer under known names is needed; docs/weights.md lists them`,
  );
}

function refuseUnreadable(path: string, unreadable: WeightsFile["unreadable"], { prefix, naming }: FoundTrunk): void {
  for (const [name, reason] of unreadable)
    if (name.startsWith(prefix) && naming.place(name.slice(prefix.length)))
      throw new SelfsightError(
        "checkpoint",
        `import: ${displayName(path)}: tensor ${displayName(name)} ${reason}; use another checkpoint`,
      );
}

function sorted(
  tensors: ReadonlyMap<string, TensorFacts>,
  { prefix, naming }: FoundTrunk,
  trunks: readonly FoundTrunk[],
) {
  const sources = new Map<string, string[]>();
  const leftOut: Record<string, number> = {};
  for (const name of tensors.keys()) {
    const place = name.startsWith(prefix) ? naming.place(name.slice(prefix.length)) : undefined;
    if (!place) {
      const part = partOf(name, trunks);
      leftOut[part] = (leftOut[part] ?? 0) + 1;
      continue;
    }
    const parts = sources.get(place.name) ?? [];
    parts[place.part ?? 0] = name;
    sources.set(place.name, parts);
  }
  return { sources: new Map(Array.from(sources, ([name, parts]) => [name, parts.filter(Boolean)])), leftOut };
}

/** The other trunk that a tensor is of, or the part of the file that it stands in: all before its last two words, three at most. */
function partOf(name: string, trunks: readonly FoundTrunk[]): string {
  const owner = trunks.find(({ prefix, naming }) => name.startsWith(prefix) && naming.place(name.slice(prefix.length)));
  if (owner) return owner.prefix.slice(0, -1);
  const words = name.split(".");
  const end = words.findIndex((word) => /^\d+$/.test(word));
  return words
    .slice(0, end > 0 ? end : Math.max(1, words.length - 1))
    .slice(0, 4)
    .join(".");
}

const joinedShape = (shapes: readonly (readonly number[])[]): readonly number[] =>
  shapes.length === 1 ? shapes[0]! : [shapes.reduce((sum, shape) => sum + (shape[0] ?? 0), 0), ...shapes[0]!.slice(1)];

/** Older PyTorch did not count a norm's batches, and nothing here depends on the count. */
const isCount = (name: string): boolean => name.endsWith("num_batches_tracked");

/** Compares names and shapes with those of a network. */
export function loadTable(
  { sources }: Recognized,
  { tensors }: WeightsFile,
  own: ReadonlyMap<string, Tensor>,
): LoadTable {
  const table: LoadTable = { loaded: [], missing: [], unexpected: [], shape: [] };
  for (const [name, { shape: needed }] of own) {
    const found = joinedShape((sources.get(name) ?? [""]).map((part) => tensors.get(part)?.shape ?? []));
    if (sources.has(name) && found.join() !== needed.join()) table.shape.push({ name, found, needed });
    else if (sources.has(name)) table.loaded.push(name);
    else if (!isCount(name)) table.missing.push(name);
  }
  table.unexpected = [...sources.keys()].filter((name) => !own.has(name));
  return table;
}

/** Of a network's tensors, at least so many must be in the file, asked or not. */
const leastShare = 0.5;

/** Errors: checkpoint, where anything is missing, of another shape or too much, unless a part is asked for. */
export function refusePart(
  path: string,
  { loaded, missing, unexpected, shape }: LoadTable,
  isPartWanted: boolean,
): void {
  const wrong = missing.length + shape.length;
  const isTooLittle = loaded.length < leastShare * (loaded.length + wrong);
  if (wrong + unexpected.length === 0 || (isPartWanted && !isTooLittle)) return;
  const problems = [
    ...shape.map(({ name, found, needed }) => `${name} is [${found.join(", ")}], [${needed.join(", ")}] is needed`),
    ...missing.map((name) => `${name} is missing`),
    ...unexpected.map((name) => `${displayName(name)} has no place`),
  ];
  const rest = problems.length > 3 ? ` and ${problems.length - 3} more` : "";
  const advice = isTooLittle
    ? "use a checkpoint of such a network"
    : "--partial takes what fits, the rest then stays untrained";
  throw new SelfsightError(
    "checkpoint",
    `import: ${displayName(path)}: ${loaded.length} of ${loaded.length + wrong} tensors fit; ${problems.slice(0, 3).join("; ")}${rest}; the whole trunk is needed; ${advice}`,
  );
}

/** Every tensor of the network: the file's as float32, and where it has none the network's own. Errors: checkpoint, for what is no number. */
export async function fittedTensors(
  path: string,
  file: WeightsFile,
  { sources }: Recognized,
  { loaded }: LoadTable,
  own: ReadonlyMap<string, Tensor>,
): Promise<Map<string, StoredTensor>> {
  const isLoaded = new Set(loaded);
  const read = await file.read(loaded.flatMap((name) => sources.get(name)!));
  const numbers = (name: string, tensor: Tensor): StoredTensor => {
    if (!isLoaded.has(name)) return stored(tensor);
    const made = joined(sources.get(name)!.map((part) => toNumbers(path, part, read.get(part)!)));
    for (const part of sources.get(name)!) read.delete(part);
    return isCount(name) ? counted(made) : made;
  };
  return new Map(Array.from(own, ([name, tensor]) => [name, numbers(name, tensor)]));
}

function toNumbers(path: string, name: string, tensor: StoredTensor): StoredTensor {
  if (tensor.dtype === "I64" || tensor.dtype === "I32") return tensor;
  const made = toFloat32(tensor);
  if (isFinite32(made.bytes)) return made;
  throw new SelfsightError(
    "checkpoint",
    `import: ${displayName(path)}: ${displayName(name)} holds values that are not finite; numbers are needed; use another copy`,
  );
}

/** Not finite are float32 whose exponent's bits are all set. */
function isFinite32(bytes: Uint8Array): boolean {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
  for (let i = 0; i < words.length; i++) if ((words[i]! & 0x7f800000) === 0x7f800000) return false;
  return true;
}

function joined(parts: readonly StoredTensor[]): StoredTensor {
  const [first] = parts as [StoredTensor];
  if (parts.length === 1) return first;
  const shape = joinedShape(parts.map((part) => part.shape));
  return { dtype: first.dtype, shape, bytes: Buffer.concat(parts.map(({ bytes }) => bytes)) };
}

/** A norm's count of batches, as PyTorch stores it: one int64. */
function counted({ dtype, bytes, shape }: StoredTensor): StoredTensor {
  if (dtype === "I64") return { dtype, bytes, shape };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = dtype === "I32" ? view.getInt32(0, true) : Math.round(view.getFloat32(0, true));
  return { dtype: "I64", shape, bytes: new Uint8Array(BigInt64Array.of(BigInt(count)).buffer) };
}
