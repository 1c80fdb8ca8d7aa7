import { markAsUntransferable } from "node:worker_threads";
import { CallError } from "../errors.ts";
import { addon, type DType, type NumberArray } from "./addon.ts";
import { refuseWhileCapturing } from "./gpu/graphs.ts";
import { engineCall, engineError } from "./operators.ts";
import { scope } from "./scope.ts";
import { op, Tensor } from "./tensor.ts";

export interface Place {
  /** Default float32. */
  dtype?: DType;
  /** "cpu" (default), "cuda" or "cuda:1". */
  device?: string;
}

/** The data type whose bytes a typed array holds. */
export function dtypeOf(array: NumberArray): DType {
  const names = {
    Uint8Array: "uint8",
    Int8Array: "int8",
    Int16Array: "int16",
    Int32Array: "int32",
    BigInt64Array: "int64",
    Float32Array: "float32",
    Float64Array: "float64",
  } as const;
  const name = Object.prototype.toString.call(array).slice("[object ".length, -1);
  if (name in names) return names[name as keyof typeof names];
  throw engineError("tensor", [name], new Error("a typed array of a type that libtorch has is needed"));
}

/** A tensor with a copy of `values`; plain numbers become float32. */
export function tensor(
  values: NumberArray | readonly number[],
  shape?: readonly number[],
  { device = "cpu" }: Place = {},
): Tensor {
  refuseWhileCapturing("tensor");
  const array = ArrayBuffer.isView(values) ? values : float32From(values);
  const made = placed("tensor", () => addon().fromTypedArray(array, shape ?? [array.length], dtypeOf(array)));
  return device === "cpu" ? made : made.toDevice(device);
}

/** Nested lists would become NaN. */
function float32From(values: readonly number[]): Float32Array {
  if (Array.isArray(values) && values.every((value) => typeof value === "number")) return Float32Array.from(values);
  throw new CallError(
    "tensor: no list of numbers was given; a flat list or a typed array is needed; give the shape beside it",
  );
}

/**
 * A tensor on the array's own bytes, without a copy: writing to one writes to the other. The bytes live as long as either; so
 * their buffer can no longer be handed over to another thread, and one that can be resized is refused.
 */
export function borrow(values: NumberArray, shape: readonly number[]): Tensor {
  refuseWhileCapturing("borrow");
  return placed("borrow", () => {
    if ((values.buffer as { resizable?: boolean }).resizable)
      throw new Error("its buffer can be resized under the tensor; one of a fixed size is needed");
    markAsUntransferable(values.buffer);
    return addon().borrowTypedArray(values, shape, dtypeOf(values));
  });
}

/** Bytes on their way to a device. */
export interface Travelling {
  /** The bytes there, [bytes]. What the device is given from now on waits for them; the host does not. */
  receive(): Tensor;
}

/**
 * Starts to copy arrays of bytes, one behind the other, to a device: out of pinned memory, on a stream of its own, so that the device computes
 * meanwhile. Two copies at most are under way, a third waits for the first. For the CPU they are packed, and there.
 */
export function sendBytes(parts: readonly Uint8Array[], device: string): Travelling {
  const travelling = engineCall("sendBytes", [device], () => addon().sendBytes(parts, device));
  return { receive: () => placed("receiveBytes", () => addon().receiveBytes(travelling)) };
}

const placed = (name: string, make: () => number): Tensor => new Tensor(engineCall(name, [], make));

/** Places along a dimension as `indexSelect`, `gather` and their like want them: [K] int64. */
export const indexTensor = (places: ArrayLike<number>, device = "cpu"): Tensor =>
  scope(() => tensor(Int32Array.from(places), [places.length], { device }).to("int64"));

export const zeros = (shape: readonly number[], { dtype = "float32", device = "cpu" }: Place = {}): Tensor =>
  op.zeros(shape, dtype, device);
export const ones = (shape: readonly number[], { dtype = "float32", device = "cpu" }: Place = {}): Tensor =>
  op.ones(shape, dtype, device);
export const empty = (shape: readonly number[], { dtype = "float32", device = "cpu" }: Place = {}): Tensor =>
  op["empty.memory_format"](shape, dtype, device);
export const full = (
  shape: readonly number[],
  value: number,
  { dtype = "float32", device = "cpu" }: Place = {},
): Tensor => op.full(shape, value, dtype, device);
export const eye = (n: number, { dtype = "float32", device = "cpu" }: Place = {}): Tensor => op.eye(n, dtype, device);
/** 0, 1, ... end - 1. */
export const arange = (end: number, { dtype = "float32", device = "cpu" }: Place = {}): Tensor =>
  op.arange(end, dtype, device);
/** Standard normal numbers from the global generator (see `manualSeed`). */
export const randn = (shape: readonly number[], { dtype = "float32", device = "cpu" }: Place = {}): Tensor =>
  op.randn(shape, dtype, device);
export const rand = (shape: readonly number[], { dtype = "float32", device = "cpu" }: Place = {}): Tensor =>
  op.rand(shape, dtype, device);
export const cat = (tensors: readonly Tensor[], dim = 0): Tensor => op.cat(tensors, dim);
export const stack = (tensors: readonly Tensor[], dim = 0): Tensor => op.stack(tensors, dim);
/** Where the condition holds `yes`, else `no`. */
export const where = (condition: Tensor, yes: Tensor, no: Tensor): Tensor => op["where.self"](condition, yes, no);
