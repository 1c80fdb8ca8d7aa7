// PyTorch's layout before 1.6: five pickles one behind the other (a magic number, a protocol, the writer's machine, the value, the
// storages' keys), then of each storage its count in 8 bytes and its numbers, little-endian.

import type { ByteSource } from "./byte-source.ts";
import { FormatError } from "./faults.ts";
import { pickleBytesLimit, readPickle } from "./pickle.ts";
import { bytesPerElement } from "./safetensors-header.ts";
import { Storage, storageParts, torchWorld } from "./torch-objects.ts";
import type { TorchContainer } from "./torch-zip.ts";

const magic = 0x1950a86a20f9469cfc6cn;
const protocol = 1001;

/** A storage as the file holds it; others may be parts of it. */
interface Root {
  elementBytes: number;
  count: number;
  start?: number;
}

/** Errors: FormatError, and UnsafeError for a pickle that asks for more than weights need. */
export function openTorchLegacy(source: ByteSource): TorchContainer {
  const { value, roots } = readHeads(source);
  const rootOf = ({ key }: Storage) => roots.get(key)!;
  return {
    value,
    isBigEndian: false,
    check(storage) {
      const { start, count, elementBytes } = rootOf(storage);
      if (start === undefined) throw new FormatError(`storage ${storage.key} is missing`);
      if (storage.start + storage.bytes > count * elementBytes)
        throw new FormatError(`storage ${storage.key} reaches past its ${count * elementBytes} bytes`);
    },
    fill: (bytes, storage) => source.fill(bytes, rootOf(storage).start! + storage.start),
    verify: () => {}, // the layout has no checksums
  };
}

const firstWindow = 1024 ** 2;

/** How long the pickles are stands nowhere: a window over the file's beginning grows until they are in it. */
function readHeads(source: ByteSource): { value: unknown; roots: ReadonlyMap<string, Root> } {
  for (let window = firstWindow; ; window *= 4) {
    const length = Math.min(window, source.size, pickleBytesLimit);
    try {
      return headsIn(source, source.read(0, length));
    } catch (error) {
      const isAll = length === Math.min(source.size, pickleBytesLimit);
      if (isAll || !(error instanceof FormatError)) throw error;
    }
  }
}

function headsIn(source: ByteSource, bytes: Buffer) {
  const roots = new Map<string, Root>();
  let at = 0;
  const next = (): unknown => {
    const { value, end } = readPickle(
      bytes.subarray(at),
      torchWorld((id) => storageFrom(id, roots)),
    );
    at += end;
    return value;
  };
  if (next() !== magic) throw new FormatError("it is a pickle, but none that PyTorch wrote");
  if (next() !== protocol) throw new FormatError("its layout has another version than 1001");
  next();
  const value = next();
  placeStorages(source, roots, next(), at);
  return { value, roots };
}

/** A view is a part of the storage of the given key: (its own key, first element, elements). */
function storageFrom(id: unknown, roots: Map<string, Root>): Storage {
  const { key, type, count, view } = storageParts(id);
  if (type === undefined) throw new FormatError(`storage ${key} has no type`);
  const elementBytes = bytesPerElement[type];
  const known = roots.get(key) ?? { elementBytes, count };
  if (known.elementBytes !== elementBytes || known.count !== count)
    throw new FormatError(`storage ${key} is described twice, and otherwise`);
  roots.set(key, known);
  if (view === null || view === undefined) return new Storage(key, type, count);
  const [, first, elements] = Array.isArray(view) ? (view as unknown[]) : [];
  if (!isPart(first, elements, count)) throw new FormatError(`storage ${key} has a part outside of it`);
  return new Storage(key, type, elements as number, (first as number) * elementBytes);
}

const isPart = (first: unknown, elements: unknown, count: number): boolean =>
  [first, elements].every((value) => Number.isSafeInteger(value) && (value as number) >= 0) &&
  (first as number) + (elements as number) <= count;

function placeStorages(source: ByteSource, roots: ReadonlyMap<string, Root>, keys: unknown, start: number): void {
  if (!Array.isArray(keys)) throw new FormatError("it has no list of storages");
  let at = start;
  for (const key of keys as unknown[]) {
    const root = typeof key === "string" ? roots.get(key) : undefined;
    if (!root || root.start !== undefined)
      throw new FormatError("its list of storages names one that nothing uses, or one twice");
    const count = source.read(at, 8).readBigInt64LE();
    if (count !== BigInt(root.count))
      throw new FormatError(`storage ${key} has ${count} numbers, ${root.count} are described`);
    root.start = at + 8;
    at = root.start + root.count * root.elementBytes;
  }
  if (at !== source.size) throw new FormatError(`its storages end at byte ${at}, the file has ${source.size}`);
}
