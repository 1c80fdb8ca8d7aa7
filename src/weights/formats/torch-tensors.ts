// The tensors of a PyTorch checkpoint by name, and their numbers.
import { displayName } from "../../errors.ts";
import { FormatError } from "./faults.ts";
import type { StoredTensor } from "./safetensors.ts";
import { bytesPerElement } from "./safetensors-header.ts";
import { BadTensor, elementsOf, isContiguous, type Storage, type TorchTensor } from "./torch-objects.ts";
import { swapBytes, type TorchContainer } from "./torch-zip.ts";

export interface NamedTensors {
  tensors: ReadonlyMap<string, TorchTensor>;
  /** Tensors that cannot be read, and why. */
  unreadable: ReadonlyMap<string, BadTensor>;
}

const namesLimit = 100_000;
const depthLimit = 16;

/**
 * Tensors below keys that are texts, their names joined by dots: `state_dict.module.conv1.weight`. What lies below numbers (the state of
 * an optimizer) or in lists has no name and is passed over. Errors: FormatError, naming a tensor whose description contradicts the file.
 */
export function namedTensors(container: TorchContainer): NamedTensors {
  const [tensors, unreadable] = [new Map<string, TorchTensor>(), new Map<string, BadTensor>()];
  let visited = 0;
  const walk = (value: unknown, name: string, depth: number): void => {
    if (++visited > 20 * namesLimit || tensors.size > namesLimit) throw new FormatError("it holds too many values");
    if (value instanceof BadTensor) addBad(unreadable, name, value);
    else if (isTensor(value)) addTensor(tensors, container, name, value);
    else if (value instanceof Map && depth < depthLimit)
      for (const [key, child] of value)
        if (typeof key === "string") walk(child, name ? `${name}.${key}` : key, depth + 1);
  };
  walk(container.value, "", 0);
  if (tensors.size === 0) throw new FormatError("it holds no tensors with names");
  return { tensors, unreadable };
}

const isTensor = (value: unknown): value is TorchTensor =>
  typeof value === "object" && value !== null && "storage" in value && "strides" in value;

function addBad(unreadable: Map<string, BadTensor>, name: string, bad: BadTensor): void {
  if (bad.isLie) throw new FormatError(`tensor ${displayName(name)} ${bad.reason}`);
  unreadable.set(name, bad);
}

function addTensor(
  tensors: Map<string, TorchTensor>,
  container: TorchContainer,
  name: string,
  tensor: TorchTensor,
): void {
  if (tensors.has(name)) throw new FormatError(`it has two tensors ${displayName(name)}`);
  naming(name, () => container.check(tensor.storage));
  tensors.set(name, tensor);
}

function naming<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof FormatError) error.message = `tensor ${displayName(name)}: ${error.message}`;
    throw error;
  }
}

/** Storages are read into pieces of memory of about this size: many small ones keep the garbage collector busy. */
const slabBytes = 16 * 1024 ** 2;
/** Tensors lie on boundaries of their types. */
const boundary = 64;

/** The numbers of some tensors; each of their storages is read once. */
export async function readTensors(
  container: TorchContainer,
  { tensors }: NamedTensors,
  names: Iterable<string>,
): Promise<Map<string, StoredTensor>> {
  const wanted = Array.from(names, (name) => [name, tensors.get(name)!] as const);
  const storages = new Map(wanted.map(([, { storage }]) => [placeOf(storage), storage]));
  const bytes = memoryFor([...storages.values()]);
  await readStorages(
    container,
    Array.from(storages, ([place, storage]) => ({ storage, numbers: bytes.get(place)! })),
  );
  return new Map(
    wanted.map(([name, tensor]) => [
      name,
      numbersOf(tensor, bytes.get(placeOf(tensor.storage))!, container.isBigEndian),
    ]),
  );
}

/** Bytes that are on their way while another storage's checksum is computed: of batch norms' small ones hundreds at once. */
const bytesAhead = 2 ** 25;

async function readStorages(
  container: TorchContainer,
  wanted: readonly { storage: Storage; numbers: Buffer }[],
): Promise<void> {
  const reading: Promise<void>[] = [];
  let ahead = 0;
  try {
    for (const [i, { storage, numbers }] of wanted.entries()) {
      while (reading.length < wanted.length && (ahead < bytesAhead || reading.length <= i)) {
        const next = wanted[reading.length]!;
        const started = container.fill(next.numbers, next.storage);
        started.catch(() => {}); // it is waited for below; until then its fault is nobody's
        ahead += next.numbers.length;
        reading.push(started);
      }
      await reading[i];
      ahead -= numbers.length;
      container.verify(numbers, storage);
    }
  } finally {
    await Promise.allSettled(reading); // nothing may still be read when the file is closed
  }
}

function memoryFor(storages: readonly Storage[]): Map<string, Buffer> {
  const rounded = ({ bytes }: Storage) => Math.ceil(bytes / boundary) * boundary;
  let left = storages.reduce((sum, storage) => sum + rounded(storage), 0);
  let [slab, at] = [Buffer.alloc(0), 0];
  const found = new Map<string, Buffer>();
  for (const storage of storages) {
    const room = rounded(storage);
    if (at + room > slab.length) [slab, at] = [Buffer.allocUnsafeSlow(Math.max(room, Math.min(slabBytes, left))), 0];
    found.set(placeOf(storage), slab.subarray(at, at + storage.bytes));
    at += room;
    left -= room;
  }
  return found;
}

const placeOf = ({ key, start, bytes }: Storage): string => `${key} ${start} ${bytes}`;

function numbersOf(tensor: TorchTensor, storage: Buffer, isBigEndian: boolean): StoredTensor {
  const { type, shape, strides, offset } = tensor;
  const size = bytesPerElement[type];
  const start = offset * size;
  const isWhole = isContiguous(shape, strides);
  const plain = isWhole ? storage.subarray(start, start + elementsOf(shape) * size) : gathered(tensor, storage);
  const bytes = isBigEndian ? swapBytes(Buffer.from(plain), type) : plain;
  return { dtype: type, shape, bytes };
}

const wholeTypes = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** Row-major copy of a strided tensor. */
function gathered({ type, shape, strides, offset }: TorchTensor, storage: Buffer): Uint8Array {
  const kind = wholeTypes[bytesPerElement[type]];
  const source = new kind(
    storage.buffer as ArrayBuffer,
    storage.byteOffset,
    Math.floor(storage.length / kind.BYTES_PER_ELEMENT),
  );
  const target = new kind(elementsOf(shape));
  let next = 0;
  const copy = (axis: number, at: number): void => {
    if (axis === shape.length) target[next++] = source[at]!;
    else for (let i = 0; i < shape[axis]!; i++) copy(axis + 1, at + i * strides[axis]!);
  };
  if (target.length > 0) copy(0, offset);
  return new Uint8Array(target.buffer);
}
