// What PyTorch's pickles may name, and the tensors that they describe. A tensor here is a description: type, shape, strides and where its
// numbers lie; no number is read.
import { displayName } from "../../errors.ts";
import { FormatError, UnsafeError } from "./faults.ts";
import { Inert, type PickleWorld } from "./pickle.ts";
import { bytesPerElement, type StoredType } from "./safetensors-header.ts";

/** PyTorch's element types, as safetensors calls them; null for those that no network here has. */
const elementTypes = {
  Float: "F32",
  Double: "F64",
  Half: "F16",
  BFloat16: "BF16",
  Long: "I64",
  Int: "I32",
  Short: "I16",
  Char: "I8",
  Byte: "U8",
  Bool: "BOOL",
} as const satisfies Record<string, StoredType>;

const dtypes: Readonly<Record<string, StoredType>> = {
  float32: "F32",
  float64: "F64",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const otherDtypes =
  /^(complex(32|64|128)|uint(16|32|64)|float8_\w+|float4_\w+|q(u?int(8|32)|uint4x2|uint2x4)|bits\w+|int[1-7]|uint[1-7])$/;

/** Numbers of one or several tensors, in a part of the file of their own. */
export class Storage {
  constructor(
    readonly key: string,
    /** Undefined: bytes of any type. */
    readonly type: StoredType | undefined,
    /** Elements, or bytes where it has no type. */
    readonly count: number,
    /** First byte of the part that is meant, where the file keeps it within a larger one. */
    readonly start = 0,
  ) {}

  get bytes(): number {
    return this.count * (this.type ? bytesPerElement[this.type] : 1);
  }
}

/** A tensor's description; `problem` is what is wrong with it, or why it cannot be read. */
export interface TorchTensor {
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
  readonly storage: Storage;
}

/** What stands for a tensor that is none of plain numbers, or whose description is wrong. */
export class BadTensor {
  constructor(
    readonly reason: string,
    /** A description that contradicts itself makes the file suspect, an unusual kind only the tensor unreadable. */
    readonly isLie: boolean,
  ) {}
}

class StorageType {
  constructor(readonly type: StoredType | undefined) {}
}
class ElementType {
  constructor(
    readonly name: string,
    readonly type: StoredType | undefined,
  ) {}
}
class Builder {
  constructor(readonly build: (args: readonly unknown[]) => unknown) {}
}
class InertClass {
  constructor(readonly className: string) {}
}

const sparse = new BadTensor("is sparse; a dense tensor is needed", false);
const quantized = new BadTensor("is quantized; a tensor of plain numbers is needed", false);
const nested = new BadTensor("is nested; a plain tensor is needed", false);
const subclass = new BadTensor("is of a tensor's subclass; a plain tensor is needed", false);
const withoutNumbers = new BadTensor("has no numbers (a meta tensor); a tensor with numbers is needed", false);

const dictionary = new Builder(([pairs]) => {
  const made = new Map<unknown, unknown>();
  if (Array.isArray(pairs)) for (const pair of pairs) if (Array.isArray(pair)) made.set(pair[0], pair[1]);
  return made;
});
const firstArgument = new Builder(([data]) => data);

/** Functions and classes with a meaning here. */
const builders: Readonly<Record<string, Builder>> = {
  "collections.OrderedDict": dictionary,
  "collections.defaultdict": dictionary,
  "collections.Counter": dictionary,
  "torch._utils._rebuild_tensor": new Builder((args) => tensorFrom(args)),
  "torch._utils._rebuild_tensor_v2": new Builder((args) => tensorFrom(args)),
  "torch._utils._rebuild_tensor_v3": new Builder((args) => tensorFrom(args, args[6])),
  "torch._utils._rebuild_parameter": firstArgument,
  "torch._utils._rebuild_parameter_with_state": firstArgument,
  "torch.nn.parameter.Parameter": firstArgument,
  "torch.nn.parameter.Buffer": firstArgument,
  "torch.Size": firstArgument,
  "torch._utils._rebuild_sparse_tensor": new Builder(() => sparse),
  "torch._utils._rebuild_sparse_csr_tensor": new Builder(() => sparse),
  "torch._utils._rebuild_qtensor": new Builder(() => quantized),
  "torch._utils._rebuild_nested_tensor": new Builder(() => nested),
  "torch._utils._rebuild_wrapper_subclass": new Builder(() => subclass),
  "torch._utils._rebuild_meta_tensor_no_storage": new Builder(() => withoutNumbers),
  "torch._utils._rebuild_device_tensor_from_numpy": new Builder(() => subclass),
  "torch._tensor._rebuild_from_type_v2": new Builder(() => subclass),
};

/**
 * Classes and functions that training programs leave in checkpoints beside the weights: arguments, settings, counters. They are kept as
 * names and never called; all others are refused.
 */
const inertNames: ReadonlySet<string> = new Set([
  "argparse.Namespace",
  "copyreg._reconstructor",
  "_codecs.encode",
  "pathlib.Path",
  "pathlib.PosixPath",
  "pathlib.PurePosixPath",
  "pathlib.WindowsPath",
  ...["object", "set", "frozenset", "dict", "list", "tuple", "int", "float", "str", "bool", "bytes", "bytearray"].map(
    (name) => `builtins.${name}`,
  ),
  "builtins.complex",
  "builtins.slice",
  "typing.Any",
  "torch.device",
  "torch.Generator",
  "torch.serialization._get_layout",
  ...["numpy.core.multiarray", "numpy._core.multiarray"].flatMap((room) => [`${room}.scalar`, `${room}._reconstruct`]),
  "numpy.ndarray",
  "numpy.dtype",
  "numpy.dtypes.Float64DType",
  "numpy.dtypes.Float32DType",
  "numpy.dtypes.Int64DType",
  ...["pytorch_lightning", "lightning.pytorch"].flatMap((room) => [
    `${room}.callbacks.model_checkpoint.ModelCheckpoint`,
    `${room}.callbacks.early_stopping.EarlyStopping`,
    `${room}.utilities.parsing.AttributeDict`,
  ]),
  "lightning_fabric.utilities.data.AttributeDict",
  "lightning.fabric.utilities.data.AttributeDict",
  "omegaconf.dictconfig.DictConfig",
  "omegaconf.listconfig.ListConfig",
  "omegaconf.base.ContainerMetadata",
  "omegaconf.base.Metadata",
  ...["Any", "Boolean", "Bytes", "Enum", "Float", "Integer", "Path", "String"].map(
    (kind) => `omegaconf.nodes.${kind}Node`,
  ),
  "vissl.utils.hydra_config.AttrDict",
  "yacs.config.CfgNode",
  "fvcore.common.config.CfgNode",
  "easydict.EasyDict",
  "addict.addict.Dict",
]);

/** Python 2's names of rooms that Python 3 calls otherwise. */
const renamedRooms: Readonly<Record<string, string>> = { copy_reg: "copyreg", __builtin__: "builtins" };

/** The names of PyTorch's weights; `outside` says what a persistent id stands for. */
export const torchWorld = (outside: (id: unknown) => unknown): PickleWorld => ({ find, make, fill, outside });

function find(module: string, name: string): unknown {
  const path = `${Object.hasOwn(renamedRooms, module) ? renamedRooms[module] : module}.${name}`;
  if (Object.hasOwn(builders, path)) return builders[path];
  if (inertNames.has(path)) return new InertClass(path);
  const found = storageType(path) ?? (module === "torch" ? elementType(name) : undefined);
  if (found) return found;
  throw new UnsafeError(`it asks for ${displayName(path)}, which weights do not need`);
}

function storageType(path: string): StorageType | undefined {
  if (path === "torch.storage.UntypedStorage" || path === "torch.UntypedStorage") return new StorageType(undefined);
  const kind = /^torch\.(?:cuda\.)?(\w+)Storage$/.exec(path)?.[1];
  const isKnown = kind !== undefined && Object.hasOwn(elementTypes, kind);
  return isKnown ? new StorageType(elementTypes[kind as keyof typeof elementTypes]) : undefined;
}

function elementType(name: string): ElementType | undefined {
  if (Object.hasOwn(dtypes, name)) return new ElementType(name, dtypes[name]);
  return otherDtypes.test(name) ? new ElementType(name, undefined) : undefined;
}

function make(found: unknown, args: readonly unknown[]): unknown {
  if (found instanceof Builder) return found.build(args);
  if (found instanceof InertClass) return new Inert(found.className);
  throw new FormatError("something that is no function is called");
}

/** State is of use for nothing that is read here; only what has none is refused. */
function fill(object: unknown, _state: unknown): void {
  const takesState = object instanceof Inert || object instanceof Map || object instanceof BadTensor;
  if (!takesState && typeof object !== "object") throw new FormatError("something that has no state is given one");
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const areCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);
const dimensionsLimit = 16;

const lie = (reason: string) => new BadTensor(reason, true);

/** (storage, offset, size, stride, ...), as PyTorch's `_rebuild_tensor` functions take them. */
function tensorFrom(
  [storage, offset, shape, strides]: readonly unknown[],
  declared?: unknown,
): TorchTensor | BadTensor {
  if (!(storage instanceof Storage)) return storage instanceof BadTensor ? storage : lie("has no storage");
  if (declared instanceof ElementType && declared.type === undefined)
    return new BadTensor(`is of ${declared.name}; a type that networks here have is needed`, false);
  const type = declared instanceof ElementType ? declared.type : storage.type;
  if (type === undefined) return lie("has no type");
  if (!isCount(offset)) return lie("has no valid offset");
  if (!areCounts(shape) || shape.length > dimensionsLimit) return lie("has no valid shape");
  if (!areCounts(strides) || strides.length !== shape.length) return lie("has no valid strides");
  const tensor = { type, shape, strides, offset, storage };
  return problemOf(tensor) ?? tensor;
}

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Whether the elements lie one behind the other, the last axis first. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Every element must lie in the storage, and none may stand for more than one. */
function problemOf({ type, shape, strides, offset, storage }: TorchTensor): BadTensor | undefined {
  const elements = elementsOf(shape);
  if (!Number.isSafeInteger(elements)) return lie(`[${shape.join(", ")}] is too large to be counted`);
  if (elements === 0) return undefined;
  const available = Math.floor(storage.bytes / bytesPerElement[type]);
  const isPlain = isContiguous(shape, strides);
  const last = offset + (isPlain ? elements - 1 : reachOf(shape, strides));
  if (!(last < available)) return lie(`[${shape.join(", ")}] reaches to element ${last}, its storage has ${available}`);
  return !isPlain && overlaps(shape, strides) ? lie(`[${shape.join(", ")}] overlaps itself`) : undefined;
}

const reachOf = (shape: readonly number[], strides: readonly number[]): number =>
  shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);

/** Axes from the finest stride on: each must step over all that the finer ones reach. */
function overlaps(shape: readonly number[], strides: readonly number[]): boolean {
  const axes = shape.map((size, axis) => ({ size, stride: strides[axis]! })).filter(({ size }) => size > 1);
  let reach = 1;
  for (const { size, stride } of axes.sort((a, b) => a.stride - b.stride)) {
    if (stride < reach) return true;
    reach += (size - 1) * stride;
  }
  return false;
}

/** The parts of a persistent id: ("storage", type, key, place, count[, view]). Errors: FormatError. */
export function storageParts(id: unknown): { type: StoredType | undefined; key: string; count: number; view: unknown } {
  const [word, type, key, , count, view] = Array.isArray(id) ? (id as unknown[]) : [];
  if (word !== "storage" || !(type instanceof StorageType)) throw new FormatError("what it refers to is no storage");
  if (typeof key !== "string" || !/^\w{1,64}$/.test(key))
    throw new FormatError(`${typeof key === "string" ? displayName(key) : typeof key} is no name of a storage`);
  if (!isCount(count) || !Number.isSafeInteger(8 * count)) throw new FormatError(`storage ${key} has no valid size`);
  return { type: type.type, key, count, view };
}
