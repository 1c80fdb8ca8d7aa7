import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { projectRoot } from "../../../setup/current.mjs";
import { damagedFiles } from "../../../test/damaged-safetensors.ts";
import { SelfsightError } from "../../errors.ts";
import { liveTensors, randn, scope, type Tensor, tensor } from "../../torch/index.ts";
import { decodeSafetensors, encodeSafetensors, fromStored, readSafetensors, stored, storedMap } from "./safetensors.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-safetensors-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(liveTensors().live).toBe(0);
});

/** A file with this header text and this many zero bytes of data. */
function file(header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const text = Buffer.from(header);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([start, text, Buffer.alloc(dataBytes)]);
}
const one = (fields: string) => `{"a":{${fields}}}`;
const f32 = (shape: string, begin: number | string, end: number | string) =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

const accepted: [string, Uint8Array, string[]][] = [
  ["nothing but a header", file("{}"), []],
  ["spaces after the header", file("{}      "), []],
  ["metadata alone", file('{"__metadata__":{"a":"b"}}'), []],
  ["one tensor", file(`{"a":${f32("[2,1]", 0, 8)}}`, 8), ["a"]],
  ["a number without dimensions", file(`{"a":${f32("[]", 0, 4)}}`, 4), ["a"]],
  [
    "an empty tensor between others",
    file(`{"a":${f32("[1]", 0, 4)},"e":${f32("[0,3]", 4, 4)},"b":${f32("[1]", 4, 8)}}`, 8),
    ["a", "b", "e"],
  ],
  ["names out of order of the data", file(`{"b":${f32("[1]", 4, 8)},"a":${f32("[1]", 0, 4)}}`, 8), ["a", "b"]],
  ["the name __proto__", file(`{"__proto__":${f32("[1]", 0, 4)}}`, 4), ["__proto__"]],
  ["a name with control bytes", file(`{"\\u0007\\n":${f32("[1]", 0, 4)}}`, 4), ["\u0007\n"]],
];

test.each(accepted)("reads %s", (_, bytes, names) => {
  expect([...decodeSafetensors(bytes).tensors.keys()].sort()).toEqual(names);
});

const huge = String(2 ** 53);
const refused: [string, Uint8Array, RegExp][] = [
  ["no bytes", new Uint8Array(0), /0 bytes, too few/],
  ["7 bytes", new Uint8Array(7), /7 bytes, too few/],
  ["header length 0", file("", 0), /does not start with \{/],
  ["header beyond the file", file("{}", 0, 3n), /said to have 3 bytes/],
  ["header beyond our limit", file("{}", 0, 25_000_001n), /said to have 25000001/],
  ["header of 2^63 bytes", file("{}", 0, 1n << 63n), /said to have 9223372036854775808/],
  ["header of 2^64 - 1 bytes", file("{}", 0, (1n << 64n) - 1n), /said to have 18446744073709551615/],
  ["not UTF-8", file(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), /no JSON/],
  ["not JSON", file("{a}"), /no JSON/],
  ["a list", file("[]"), /does not start/],
  ["a space before the header", file(" {}"), /does not start/],
  ["something after the object", file("{}{}"), /no JSON/],
  ["a name that comes twice", file(`{"a":${f32("[1]", 0, 4)},"a":${f32("[1]", 0, 4)}}`, 4), /names a twice/],
  ["the same name, spelt twice", file(`{"a":${f32("[1]", 0, 4)},"\\u0061":${f32("[1]", 0, 4)}}`, 4), /names a twice/],
  [
    "a field that comes twice",
    file(one('"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]'), 4),
    /dtype twice/,
  ],
  ["metadata that comes twice", file('{"__metadata__":{},"__metadata__":{}}'), /twice/],
  ["great depth", file(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`), /nested deeper/],
  ["half a surrogate as name", file(`{"\\ud800":${f32("[1]", 0, 4)}}`, 4), /no text/],
  ["begin after end", file(`{"a":${f32("[1]", 4, 0)}}`, 4), /needs 4 bytes, its offsets give -4/],
  [
    "a gap",
    file(`{"a":${f32("[1]", 0, 4)},"b":${f32("[1]", 8, 12)}}`, 12),
    /tensor b starts at byte 8 of the data, 4 was/,
  ],
  ["a gap at the start", file(`{"a":${f32("[1]", 4, 8)}}`, 8), /tensor a starts at byte 4/],
  [
    "an overlap",
    file(`{"a":${f32("[2]", 0, 8)},"b":${f32("[2]", 4, 12)}}`, 12),
    /tensor b starts at byte 4 of the data, 8 was/,
  ],
  [
    "the same bytes twice",
    file(`{"a":${f32("[1]", 0, 4)},"b":${f32("[1]", 0, 4)}}`, 4),
    /starts at byte 0 of the data, 4 was/,
  ],
  ["an end beyond the file", file(`{"a":${f32("[2]", 0, 8)}}`, 4), /end at byte 8 of the data, which has 4/],
  ["bytes after the last tensor", file(`{"a":${f32("[1]", 0, 4)}}`, 5), /end at byte 4 of the data, which has 5/],
  ["data without tensors", file("{}", 1), /end at byte 0/],
  ["a shape too large for its bytes", file(`{"a":${f32("[2]", 0, 4)}}`, 4), /needs 8 bytes/],
  ["sizes that overflow", file(`{"a":${f32(`[${huge},${huge}]`, 0, 0)}}`), /no valid shape/],
  ["sizes that overflow before a 0", file(`{"a":${f32("[4294967296,4294967296,0]", 0, 0)}}`), /needs NaN/],
  ["a negative size", file(`{"a":${f32("[-1]", 0, 4)}}`, 4), /number -1/],
  ["minus zero", file(`{"a":${f32("[-0]", 0, 0)}}`), /number -0/],
  ["a size of 1e400", file(`{"a":${f32("[1e400]", 0, 4)}}`, 4), /number 1e400/],
  ["a size of 1.0", file(`{"a":${f32("[1.0]", 0, 4)}}`, 4), /number 1\.0/],
  ["offsets with a point", file(`{"a":${f32("[1]", "0.0", 4)}}`, 4), /number 0\.0/],
  ["three offsets", file(one('"dtype":"F32","shape":[1],"data_offsets":[0,4,4]'), 4), /data_offsets/],
  ["no offsets", file(one('"dtype":"F32","shape":[1]'), 4), /data_offsets/],
  ["no shape", file(one('"dtype":"F32","data_offsets":[0,4]'), 4), /no valid shape/],
  [
    "an unknown type",
    file(one('"dtype":"F31","shape":[1],"data_offsets":[0,4]'), 4),
    /tensor a has the unknown type F31/,
  ],
  ["a type below a byte", file(one('"dtype":"F4","shape":[2],"data_offsets":[0,1]'), 1), /unknown type F4/],
  [
    "a type that is an object's own name",
    file(one('"dtype":"toString","shape":[],"data_offsets":[0,4]'), 4),
    /unknown type toString/,
  ],
  ["a type that is a list", file(one('"dtype":["F32"],"shape":[1],"data_offsets":[0,4]'), 4), /unknown type object/],
  ["a tensor that is null", file('{"a":null}'), /unknown type undefined/],
  ["metadata with a number", file('{"__metadata__":{"a":1}}'), /__metadata__ is not a table of texts/],
  ["metadata that is a list", file('{"__metadata__":[]}'), /__metadata__/],
];

test.each(refused)("refuses %s", (_, bytes, sentence) => {
  const read = () => decodeSafetensors(bytes, "weights");
  expect(read).toThrow(SelfsightError);
  expect(read).toThrow(sentence);
  expect(read).toThrow(/^read weights: /);
});

test("more names than the limit are refused", () => {
  const names = Array.from({ length: 100_001 }, (_, i) => `"${i}":${f32("[0]", 0, 0)}`);
  expect(() => decodeSafetensors(file(`{${names.join()}}`))).toThrow(/names 100001 tensors, more than 100000/);
});

test("a huge empty file, a folder and a file that is missing are refused without taking memory", () => {
  const sparse = join(folder, "sparse.safetensors");
  const handle = openSync(sparse, "w");
  ftruncateSync(handle, 2 ** 40);
  closeSync(handle);
  mkdirSync(join(folder, "directory"));
  const before = process.memoryUsage().arrayBuffers;
  expect(() => readSafetensors(sparse)).toThrow(/^read .*sparse\.safetensors: its header does not start/);
  expect(() => readSafetensors(join(folder, "directory"))).toThrow(/it is a folder/);
  execFileSync("mkfifo", [join(folder, "fifo")]);
  expect(() => readSafetensors(join(folder, "fifo"))).toThrow(/it is no regular file/);
  expect(() => readSafetensors(join(folder, "missing"))).toThrow(/ENOENT.*check the path/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
});

// ---- round trips ----

const path = join(folder, "round.safetensors");
const write = (tensors: ReadonlyMap<string, Tensor>, metadata = {}) =>
  writeFileSync(path, Buffer.concat(encodeSafetensors({ tensors: storedMap(tensors), metadata })));

test("every type comes back with the same bytes, each on a boundary of its type", () => {
  scope(() => {
    const values = new Map([
      ["bytes", tensor(Uint8Array.of(1, 2, 255))],
      ["flag", tensor([1, 0, 1]).gt(0)],
      ["short", tensor(Int16Array.of(-5))],
      ["small", tensor(Int8Array.of(-1))],
      ["whole", tensor(Int32Array.of(7), [])],
      ["long", tensor(BigInt64Array.of(-(2n ** 62n)))],
      ["float", tensor([0.1, -0, Number.NaN])],
      ["double", tensor(Float64Array.of(Math.E))],
      ["empty", tensor(new Float32Array(0), [0, 3])],
    ]);
    write(values, { note: "ü", __proto__: "x" });
    const { tensors, metadata } = readSafetensors(path);
    expect(metadata).toEqual({ note: "ü" });
    expect([...tensors.keys()].sort()).toEqual([...values.keys()].sort());
    for (const [name, value] of values) {
      const read = fromStored(tensors.get(name)!);
      expect({ name, shape: read.shape, dtype: read.dtype, data: read.data() }).toEqual({
        name,
        shape: value.shape,
        dtype: value.dtype,
        data: value.data(),
      });
      const { bytes } = tensors.get(name)!;
      expect(bytes.byteOffset % (bytes.length / Math.max(1, value.numel) || 1)).toBe(0);
    }
  });
});

test("short floats are read as float32", () => {
  const half = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x8000, 0x7bff);
  const brain = Uint16Array.of(0x3f80, 0xc000, 0x7f80);
  const read = (dtype: "F16" | "BF16", bits: Uint16Array) =>
    scope(() => [
      ...(fromStored({ dtype, shape: [bits.length], bytes: new Uint8Array(bits.buffer) }).data() as Float32Array),
    ]);
  expect(read("F16", half)).toEqual([1, -2, 2 ** -24, Number.POSITIVE_INFINITY, -0, 65504]);
  expect(read("BF16", brain)).toEqual([1, -2, Number.POSITIVE_INFINITY]);
});

test("bfloat16 tensors are stored as float32", () => {
  scope(() => expect(stored(randn([2]).to("bfloat16")).dtype).toBe("F32"));
});

// ---- mutations ----

test("3,000 damaged files are read or refused, never anything else, and within memory", () => {
  const before = process.memoryUsage().arrayBuffers;
  let refusals = 0;
  for (const bytes of damagedFiles(3000)) {
    try {
      for (const { shape, bytes: data } of decodeSafetensors(bytes).tensors.values())
        expect(shape.reduce((product, size) => product * size, 1)).toBeLessThanOrEqual(data.length);
    } catch (error) {
      expect(error).toBeInstanceOf(SelfsightError);
      expect((error as SelfsightError).kind).toBe("checkpoint");
      refusals += 1;
    }
  }
  expect(refusals).toBeGreaterThan(1000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
});

/** `node bench/safetensors-reference.mjs` wrote it: one bit for each damaged file, 1 where the reference parser reads it. */
const verdicts = JSON.parse(readFileSync(join(projectRoot, "test", "reference", "safetensors.json"), "utf8")) as {
  count: number;
  bits: string;
};

test("reads and refuses what the reference parser does, but for types that no network has", () => {
  const bits = Buffer.from(verdicts.bits, "base64");
  const others: string[] = [];
  let at = 0;
  for (const bytes of damagedFiles(verdicts.count)) {
    const isRead = ((bits[at >> 3]! >> (at & 7)) & 1) === 1;
    const refusal = refusalOf(bytes);
    if ((refusal === undefined) !== isRead) others.push(refusal ?? `file ${at} is read`);
    at += 1;
  }
  expect(others.filter((refusal) => !/has the unknown type (U16|U32)/.test(refusal))).toEqual([]);
});

function refusalOf(bytes: Uint8Array): string | undefined {
  try {
    decodeSafetensors(bytes);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
