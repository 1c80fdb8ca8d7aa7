// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { displayName, SelfsightError } from "../errors.ts";
import { type DType, type NumberArray, type Tensor, tensor } from "../torch/index.ts";

const bytesPerElement = { BOOL: 1, U8: 1, I8: 1, I16: 2, F16: 2, BF16: 2, I32: 4, F32: 4, I64: 8, F64: 8 } as const;
export type StoredType = keyof typeof bytesPerElement;

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

/** Our own ceilings, far below what the format allows: a header is text that must be parsed whole. */
const headerBytesLimit = 25_000_000;
const namesLimit = 100_000;

/** The file's chunks, ready for a durable write; each tensor starts on an 8-byte boundary of the file. */
export function encodeSafetensors({ tensors, metadata }: StoredTensors): Uint8Array[] {
  let end = 0;
  const entries = [...tensors].map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  const header = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return [length, header, ...Array.from(tensors.values(), ({ bytes }) => bytes)];
}

/** Reads a file with every check of the reference parser. Errors: checkpoint, naming file, tensor, found and needed. */
export function readSafetensors(path: string): StoredTensors {
  const bytes = readWhole(path);
  try {
    return decodeSafetensors(bytes);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new SelfsightError(
      "checkpoint",
      `read ${displayName(path)}: ${cause.message}; a whole safetensors file is needed; use another copy`,
      { cause },
    );
  }
}

class FormatError extends Error {}

/** Read, not mapped: a mapped file that shrinks kills the process. */
function readWhole(path: string): Uint8Array {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(fstatSync(file).size);
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(file, bytes, at, Math.min(bytes.length - at, 1 << 30), at);
        if (count === 0) throw new Error(`the file ended at byte ${at} of ${bytes.length} while it was read`);
        at += count;
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new SelfsightError(
      "checkpoint",
      `read ${displayName(path)}: ${(cause as Error).message}; a readable safetensors file is needed; check the path`,
      { cause },
    );
  }
}

/** Parses the bytes of a file; throws FormatError with what was found. */
export function decodeSafetensors(bytes: Uint8Array): StoredTensors {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 8) throw new FormatError(`it has ${buffer.length} bytes, too few for a header`);
  const headerLength = buffer.readBigUInt64LE(0);
  if (headerLength > BigInt(Math.min(headerBytesLimit, buffer.length - 8)))
    throw new FormatError(`its header is said to have ${headerLength} bytes, the file has ${buffer.length}`);
  const header = parseHeader(buffer.subarray(8, 8 + Number(headerLength)));
  const data = buffer.subarray(8 + Number(headerLength));
  return { tensors: tensorsIn(header, data), metadata: metadataIn(header) };
}

type Header = Map<string, unknown>;

function parseHeader(bytes: Buffer): Header {
  if (bytes[0] !== 0x7b) throw new FormatError("its header does not start with {");
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError(`its header is no JSON (${(cause as Error).message})`);
  }
  const header = new Map(Object.entries(parsed as object));
  if (header.size > namesLimit) throw new FormatError(`it names ${header.size} tensors, more than ${namesLimit}`);
  return header;
}

function metadataIn(header: Header): Record<string, string> {
  const metadata = header.get("__metadata__") ?? {};
  const isText = isRecord(metadata) && Object.values(metadata).every((value) => typeof value === "string");
  if (!isText) throw new FormatError("its __metadata__ is not a table of texts");
  return { ...(metadata as Record<string, string>) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function tensorsIn(header: Header, data: Buffer): Map<string, StoredTensor> {
  const entries = [...header]
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => ({ name, ...entryFrom(name, value) }));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let expected = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== expected)
      throw new FormatError(
        `tensor ${displayName(name)} starts at byte ${begin} of the data, ${expected} was expected`,
      );
    expected = end;
  }
  if (expected !== data.length)
    throw new FormatError(`its tensors end at byte ${expected} of the data, which has ${data.length}`);
  return new Map(
    entries.map(({ name, dtype, shape, begin, end }) => [name, { dtype, shape, bytes: data.subarray(begin, end) }]),
  );
}

function entryFrom(name: string, value: unknown) {
  const { dtype, shape, data_offsets: offsets } = (isRecord(value) ? value : {}) as Record<string, unknown>;
  const label = `tensor ${displayName(name)}`;
  if (typeof dtype !== "string" || !Object.hasOwn(bytesPerElement, dtype))
    throw new FormatError(`${label} has the unknown type ${displayName(String(dtype))}`);
  if (!areSizes(shape)) throw new FormatError(`${label} has no valid shape`);
  if (!areSizes(offsets) || offsets.length !== 2) throw new FormatError(`${label} has no valid data_offsets`);
  const [begin, end] = offsets as [number, number];
  const needed = shape.reduce((product, size) => product * size, bytesPerElement[dtype as StoredType]);
  if (!Number.isSafeInteger(needed) || end - begin !== needed)
    throw new FormatError(
      `${label} [${shape.join(", ")}] of ${dtype} needs ${needed} bytes, its offsets give ${end - begin}`,
    );
  return { dtype: dtype as StoredType, shape, begin, end };
}

const areSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

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
export function fromStored({ dtype, shape, bytes }: StoredTensor): Tensor {
  const aligned = new Uint8Array(bytes); // a copy: the file's bytes may lie on any boundary
  const array = new arrayTypes[dtype](aligned.buffer, 0, aligned.length / bytesPerElement[dtype]);
  if (dtype === "BF16" || dtype === "F16")
    return tensor(Float32Array.from(array as Uint16Array, dtype === "BF16" ? fromBfloat16 : fromFloat16), shape);
  const made = tensor(array as NumberArray, shape);
  return dtype === "BOOL" ? made.to("bool") : made;
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
