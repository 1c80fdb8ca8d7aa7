// PyTorch's files written by hand, byte for byte as wanted: pickles out of their opcodes, the zip and the legacy layout around them.
import { crc32 } from "node:zlib";
import type { StoredTensor } from "../src/weights/index.ts";

// ---- pickles: each function gives the bytes that leave one value on the stack ----

const bytes = (...parts: (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === "number" ? Buffer.of(part) : Buffer.from(part as string, "latin1"))),
  );

const four = (value: number): Buffer => {
  const made = Buffer.alloc(4);
  made.writeUInt32LE(value >>> 0);
  return made;
};
const eight = (value: bigint): Buffer => {
  const made = Buffer.alloc(8);
  made.writeBigInt64LE(value);
  return made;
};

export const none = bytes("N");
export const no = bytes(0x89);
export const text = (value: string): Buffer => bytes("X", four(Buffer.byteLength(value)), Buffer.from(value));
export const whole = (value: number): Buffer =>
  Math.abs(value) < 2 ** 31 ? bytes("J", four(value)) : bytes(0x8a, 8, eight(BigInt(value)));
export const tuple = (...items: Buffer[]): Buffer => bytes("(", ...items, "t");
export const list = (...items: Buffer[]): Buffer => bytes("](", ...items, "e");
export const global = (module: string, name: string): Buffer => bytes("c", `${module}\n${name}\n`);
export const call = (found: Buffer, ...args: Buffer[]): Buffer => bytes(found, tuple(...args), "R");
export const outside = (id: Buffer): Buffer => bytes(id, "Q");
export const dictionary = (entries: Iterable<readonly [string, Buffer]>): Buffer =>
  bytes("}(", ...Array.from(entries, ([key, value]) => bytes(text(key), value)), "u");
export const pickle = (value: Buffer, protocol = 2): Buffer => bytes(0x80, protocol, value, ".");

// ---- tensors ----

const storageNames = {
  F32: "FloatStorage",
  F64: "DoubleStorage",
  F16: "HalfStorage",
  BF16: "BFloat16Storage",
  I64: "LongStorage",
  I32: "IntStorage",
  I16: "ShortStorage",
  I8: "CharStorage",
  U8: "ByteStorage",
  BOOL: "BoolStorage",
} as const;
const sizes = { F32: 4, F64: 8, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;

/** What a tensor's description says; the defaults are the truth. */
export interface Said {
  key: string;
  dtype: keyof typeof storageNames;
  shape: readonly number[];
  strides?: readonly number[];
  offset?: number;
  /** Elements of the storage. */
  count: number;
}

export const storage = ({ key, dtype, count }: Pick<Said, "key" | "dtype" | "count">): Buffer =>
  outside(tuple(text("storage"), global("torch", storageNames[dtype]), text(key), text("cpu"), whole(count)));

export function tensorBytes(said: Said): Buffer {
  const strides = said.strides ?? said.shape.map((_, axis) => said.shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const hooks = call(global("collections", "OrderedDict"));
  const numbers = (values: readonly number[]) => tuple(...values.map(whole));
  const args = [storage(said), whole(said.offset ?? 0), numbers(said.shape), numbers(strides), no, hooks];
  return call(global("torch._utils", "_rebuild_tensor_v2"), ...args);
}

/** A tree of dictionaries with tensors at its leaves. */
export type Tree = Map<string, StoredTensor | Tree | Buffer>;

/** A tree's pickle and its storages, by key. */
function described(tree: Tree, storages: Map<string, Uint8Array>): Buffer {
  const value = (node: StoredTensor | Tree | Buffer): Buffer => {
    if (node instanceof Map) return described(node, storages);
    if (Buffer.isBuffer(node)) return node;
    const key = String(storages.size);
    storages.set(key, node.bytes);
    return tensorBytes({ key, dtype: node.dtype, shape: node.shape, count: node.bytes.length / sizes[node.dtype] });
  };
  return dictionary(Array.from(tree, ([name, node]) => [name, value(node)] as const));
}

// ---- zip ----

export interface Member {
  name: string;
  content: Uint8Array;
  /** Differences between what the member is and what is said of it. */
  crc?: number;
  method?: number;
  flags?: number;
  localName?: string;
  size?: number;
}

export function zip(members: readonly Member[], { before = Buffer.alloc(0), comment = "" } = {}): Buffer {
  let at = before.length;
  const [locals, central]: [Buffer[], Buffer[]] = [[], []];
  for (const {
    name,
    content,
    crc = crc32(content),
    method = 0,
    flags = 0,
    localName = name,
    size = content.length,
  } of members) {
    const facts = (length: number) => [four(crc), four(size), four(size), two(length), two(0)];
    const local = bytes(
      "PK\x03\x04",
      two(20),
      two(flags),
      two(method),
      four(0),
      ...facts(Buffer.byteLength(localName)),
      localName,
      content,
    );
    const place = [two(0), two(0), two(0), four(0), four(at)];
    central.push(
      bytes(
        "PK\x01\x02",
        two(20),
        two(20),
        two(flags),
        two(method),
        four(0),
        ...facts(Buffer.byteLength(name)),
        ...place,
        name,
      ),
    );
    locals.push(local);
    at += local.length;
  }
  const directory = Buffer.concat(central);
  const count = two(members.length);
  const end = bytes(
    "PK\x05\x06",
    two(0),
    two(0),
    count,
    count,
    four(directory.length),
    four(at),
    two(comment.length),
    comment,
  );
  return Buffer.concat([before, ...locals, directory, end]);
}

const two = (value: number): Buffer => Buffer.of(value & 255, value >> 8);

export const membersOf = (data: Buffer, storages: Iterable<readonly [string, Uint8Array]> = []): Member[] => [
  { name: "archive/data.pkl", content: data },
  ...Array.from(storages, ([key, content]) => ({ name: `archive/data/${key}`, content })),
  { name: "archive/version", content: Buffer.from("3\n") },
];

/** As `torch.save` has written since 1.6. */
export function torchZip(tree: Tree): Buffer {
  const storages = new Map<string, Uint8Array>();
  const data = pickle(described(tree, storages));
  return zip(membersOf(data, storages));
}

// ---- legacy ----

const magic = bytes(0x8a, 10, Buffer.from("6cfc9c46f9206aa85019", "hex"));
const machine = dictionary([["little_endian", bytes(0x88)]]);

export function legacy(value: Buffer, storages: readonly (readonly [string, Uint8Array, number])[]): Buffer {
  const keys = list(...storages.map(([key]) => text(key)));
  const heads = [magic, whole(1001), machine, value, keys].map((each) => pickle(each));
  return Buffer.concat([
    ...heads,
    ...storages.flatMap(([, content, size]) => [eight(BigInt(content.length / size)), content]),
  ]);
}

/** As `torch.save` wrote before 1.6, of float32 tensors. */
export function torchLegacy(tree: Tree): Buffer {
  const storages = new Map<string, Uint8Array>();
  const value = described(tree, storages);
  const sized = (content: Uint8Array, key: string) => [key, content, sizeOf(tree, key)] as const;
  return legacy(
    value,
    Array.from(storages, ([key, content]) => sized(content, key)),
  );
}

/** Storages are numbered in the order of the leaves. */
function sizeOf(tree: Tree, key: string): number {
  const leaves: StoredTensor[] = [];
  const walk = (node: Tree) => {
    for (const child of node.values()) {
      if (child instanceof Map) walk(child);
      else if (!Buffer.isBuffer(child)) leaves.push(child);
    }
  };
  walk(tree);
  return sizes[leaves[Number(key)]!.dtype];
}
