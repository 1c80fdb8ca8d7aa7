// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
import { displayName, SelfsightError } from "../../errors.ts";
import { type DType, type NumberArray, type Tensor, tensor } from "../../torch/index.ts";
import { openBytes } from "./byte-source.ts";
import { FormatError } from "./faults.ts";
import { bytesPerElement, type Header, headerLengthOf, parseHeader, type StoredType } from "./safetensors-header.ts";
import { readSafetensorsHeader } from "./safetensors-source.ts";

export type { StoredType };

/** One tensor as it lies in the file. */
export interface StoredTensor {
  dtype: StoredType;
  shape: readonly number[];
  /** Little-endian, row-major. */
  bytes: Uint8Array;
}

export interface StoredTensors {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
}

/** A tensor whose bytes are written behind the header, by whoever has them. */
export type DescribedTensor = Pick<StoredTensor, "dtype" | "shape"> & { name: string };

/** What stands before the tensors' bytes, which follow in the order given: wide types first, so that each lies on a boundary of its type. */
export function encodeSafetensorsHeader(
  tensors: readonly DescribedTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array[] {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const begin = end;
    end += shape.reduce((product, size) => product * size, bytesPerElement[dtype]);
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const header = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return [length, header];
}

/** The file's chunks, ready for a durable write. */
export function encodeSafetensors({ tensors, metadata }: StoredTensors): Uint8Array[] {
  const ordered = [...tensors].sort(([, a], [, b]) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype]);
  const described = ordered.map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  return [...encodeSafetensorsHeader(described, metadata), ...ordered.map(([, { bytes }]) => bytes)];
}

/** Reads a file with every check of the reference parser. Errors: checkpoint, naming file, tensor, found and needed. */
export function readSafetensors(path: string): StoredTensors {
  return withRefusals(path, () => {
    const source = openBytes(path);
    try {
      const header = readSafetensorsHeader(source);
      return withData(header, source.read(header.dataStart, source.size - header.dataStart));
    } finally {
      source.close();
    }
  });
}

/** The same of bytes that are in memory already; the tensors are views of them. `name` stands in the errors. */
export function decodeSafetensors(bytes: Uint8Array, name = "safetensors"): StoredTensors {
  return withRefusals(name, () => {
    const headerLength = headerLengthOf(bytes.subarray(0, 8), bytes.length);
    const data = bytes.subarray(8 + headerLength);
    return withData(parseHeader(bytes.subarray(8, 8 + headerLength), data.length), data);
  });
}

function withData({ entries, metadata }: Header, data: Uint8Array): StoredTensors {
  const tensors = entries.map(
    ({ name, dtype, shape, begin, end }) => [name, { dtype, shape, bytes: data.subarray(begin, end) }] as const,
  );
  return { tensors: new Map(tensors), metadata };
}

function withRefusals(name: string, body: () => StoredTensors): StoredTensors {
  try {
    return body();
  } catch (cause) {
    const remedy =
      cause instanceof FormatError
        ? "a whole safetensors file is needed; use another copy"
        : "a readable safetensors file is needed; check the path";
    const text = `read ${displayName(name)}: ${(cause as Error).message}; ${remedy}`;
    throw new SelfsightError("checkpoint", text, { cause });
  }
}

// ---- tensors to and from the file's form ----

const storedTypes: Partial<Record<DType, StoredType>> = {
  float32: "F32",
  float64: "F64",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const arrayTypes = {
  BOOL: Uint8Array,
  U8: Uint8Array,
  I8: Int8Array,
  I16: Int16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I32: Int32Array,
  F32: Float32Array,
  I64: BigInt64Array,
  F64: Float64Array,
} as const;

/** A copy of a tensor's values; float16 and bfloat16 are stored as float32. */
export function stored(source: Tensor): StoredTensor {
  const array = source.data();
  const dtype = storedTypes[source.dtype] ?? "F32";
  return { dtype, shape: source.shape, bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
}

/** A tensor with the stored values, on the CPU; F16 and BF16 become float32. */
export function fromStored(source: StoredTensor): Tensor {
  const { dtype, shape } = source;
  if (dtype === "BF16" || dtype === "F16") return fromStored(toFloat32(source));
  const made = tensor(arrayOf(source) as NumberArray, shape);
  return dtype === "BOOL" ? made.to("bool") : made;
}

function arrayOf({ dtype, bytes }: StoredTensor) {
  const aligned = new Uint8Array(bytes); // a copy: the file's bytes may lie on any boundary
  return new arrayTypes[dtype](aligned.buffer, 0, aligned.length / bytesPerElement[dtype]);
}

/** The same values as F32; those of F64 are rounded, those of F32 are not copied. */
export function toFloat32(source: StoredTensor): StoredTensor {
  if (source.dtype === "F32") return source;
  const array = arrayOf(source);
  const values =
    array instanceof Uint16Array
      ? Float32Array.from(array, source.dtype === "BF16" ? fromBfloat16 : fromFloat16)
      : Float32Array.from(array as ArrayLike<number | bigint>, Number);
  return { dtype: "F32", shape: source.shape, bytes: new Uint8Array(values.buffer) };
}

const scratch = new DataView(new ArrayBuffer(4));

function fromBfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Tensors by name, ready to be written. */
export const storedMap = (tensors: ReadonlyMap<string, Tensor>): Map<string, StoredTensor> =>
  new Map(Array.from(tensors, ([name, value]) => [name, stored(value)]));
