// Files of weights of every kind, whole and damaged: tensors as PyTorch saved them, or one sentence.
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scratchFolder } from "../../../test/tiny-run.ts";
import * as by from "../../../test/torch-file.ts";
import { makeFolder } from "../../files.ts";
import { keyedStream } from "../../random.ts";
import { encodeSafetensors, type StoredTensor, toFloat32 } from "./safetensors.ts";
import { openWeightsFile, type WeightsFile } from "./weights-file.ts";

const scratch = scratchFolder();
const folder = scratch.next();
beforeAll(() => makeFolder(folder));
afterAll(scratch.remove);
let count = 0;

/** A file with these bytes; the name says nothing. */
function written(bytes: Uint8Array, name = `${++count}.bin`): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

async function using<T>(path: string, body: (file: WeightsFile) => Promise<T> | T): Promise<T> {
  const file = await openWeightsFile(path);
  try {
    return await body(file);
  } finally {
    file.close();
  }
}

const readAll = (path: string) => using(path, (file) => file.read(file.tensors.keys()));

/** The refusal's kind and words. */
const refusal = (path: string) =>
  readAll(path).then(
    () => "accepted",
    (error: Error & { kind?: string }) => `${error.kind}: ${error.message}`,
  );

const floats = (...values: number[]): StoredTensor => {
  const array = Float32Array.from(values);
  return { dtype: "F32", shape: [values.length], bytes: new Uint8Array(array.buffer) };
};
const valuesOf = (tensor: StoredTensor): number[] => {
  if (tensor.dtype === "I64") return Array.from(new BigInt64Array(Uint8Array.from(tensor.bytes).buffer), Number);
  if (tensor.dtype === "F64") return Array.from(new Float64Array(Uint8Array.from(tensor.bytes).buffer));
  return Array.from(new Float32Array(Uint8Array.from(toFloat32(tensor).bytes).buffer));
};

describe("what PyTorch itself has written", () => {
  const reference = (name: string) => fileURLToPath(new URL(`../../../test/reference/torch/${name}`, import.meta.url));
  const { tensors } = JSON.parse(readFileSync(reference("kinds.json"), "utf8")) as {
    tensors: Record<string, { shape: number[]; values: number[] }>;
  };

  test.each([
    ["kinds.pth", "PyTorch zip"],
    ["kinds-legacy.pth", "PyTorch legacy"],
  ])("%s: every type, strided, shared, empty, a parameter", async (name, kind) => {
    await using(reference(name), async (file) => {
      expect(file.kind).toBe(kind);
      expect([...file.tensors.keys()]).toEqual(Object.keys(tensors).map((each) => `state_dict.${each}`));
      expect([...file.unreadable]).toEqual([["sparse", "is sparse; a dense tensor is needed"]]);
      const found = await file.read(file.tensors.keys());
      for (const [each, { shape, values }] of Object.entries(tensors)) {
        const tensor = found.get(`state_dict.${each}`)!;
        expect([each, tensor.shape, valuesOf(tensor)]).toEqual([each, shape, values]);
      }
    });
  });

  test.each(["kinds.pth", "kinds-legacy.pth"])("%s cut anywhere is refused in a sentence", async (name) => {
    const whole = readFileSync(reference(name));
    const path = written(whole);
    for (let length = 0; length < whole.length; length += length < 2500 ? 7 : 97) {
      writeFileSync(path, whole.subarray(0, length));
      expect(await refusal(path)).toMatch(
        /^checkpoint: read .*\.bin: .*; a whole file of weights is needed; use another copy$/,
      );
    }
  });

  test.each(["kinds.pth", "kinds-legacy.pth"])(
    "%s with any bytes changed is read or refused, and nothing else",
    async (name) => {
      const whole = readFileSync(reference(name));
      const next = keyedStream(7);
      for (let round = 0; round < 400; round++) {
        const changed = Buffer.from(whole);
        for (let i = 0; i <= round % 4; i++) changed[Math.floor(next() * changed.length)] = Math.floor(256 * next());
        expect(await refusal(written(changed, "changed.bin"))).toMatch(/^(accepted|(checkpoint|unsafe): read )/);
      }
    },
  );
});

const small = () => by.torchZip(new Map([["w", floats(1, 2, 3, 4)]]));

/** A zip whose one tensor is described so. */
function saying(said: Partial<by.Said>, storages: [string, Uint8Array][] = [["0", floats(1, 2, 3, 4).bytes]]): Buffer {
  const tensor = by.tensorBytes({ key: "0", dtype: "F32", shape: [2, 2], count: 4, ...said });
  return by.zip(by.membersOf(by.pickle(by.dictionary([["w", tensor]])), storages));
}

describe("descriptions", () => {
  test("that are true are read", async () => {
    expect(valuesOf((await readAll(written(saying({}))).then((all) => all.get("w")))!)).toEqual([1, 2, 3, 4]);
    expect(valuesOf((await readAll(written(saying({ strides: [1, 2] })))).get("w")!)).toEqual([1, 3, 2, 4]);
  });

  test.each<[string, Partial<by.Said>, RegExp]>([
    ["a shape beyond the storage", { shape: [3, 2] }, /w \[3, 2\] reaches to element 5, its storage has 4/],
    ["an offset beyond it", { offset: 1 }, /w \[2, 2\] reaches to element 4/],
    ["a negative offset", { offset: -1 }, /w has no valid offset/],
    ["a negative size", { shape: [-2, 2] }, /w has no valid shape/],
    ["a negative stride", { strides: [-2, 1], offset: 3 }, /w has no valid strides/],
    ["strides too few", { strides: [1] }, /w has no valid strides/],
    ["strides that overlap", { strides: [1, 1] }, /w \[2, 2\] overlaps itself/],
    ["a stride of zero", { shape: [1000, 2], strides: [0, 1] }, /w \[1000, 2\] overlaps itself/],
    ["sizes that multiply beyond counting", { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }, /too large to be counted/],
    ["a huge stride", { strides: [2 ** 50, 1] }, /reaches to element 1125899906842625/],
    ["a wider type than the numbers", { dtype: "F64" }, /w: storage 0 is said to have 32 bytes, it has 16/],
    ["more numbers than there are", { count: 5 }, /w: storage 0 is said to have 20 bytes, it has 16/],
    ["a negative count", { count: -1 }, /storage 0 has no valid size/],
    ["a count of 2^62", { count: 2 ** 62 }, /storage 0 has no valid size/],
    ["seventeen dimensions", { shape: Array(17).fill(1), strides: Array(17).fill(1) }, /w has no valid shape/],
    ["a storage that is not there", { key: "7" }, /w: its member archive\/data\/7 is missing/],
    ["a storage outside of the folder", { key: "../../etc/passwd" }, /\.\.\/\.\.\/etc\/passwd is no name of a storage/],
  ])("%s is refused", async (_, said, reason) => {
    expect(await refusal(written(saying(said)))).toMatch(reason);
  });

  test.each([
    ["_rebuild_sparse_tensor", /sparse/],
    ["_rebuild_qtensor", /quantized/],
    ["_rebuild_nested_tensor", /nested/],
    ["_rebuild_wrapper_subclass", /subclass/],
    ["_rebuild_meta_tensor_no_storage", /meta/],
  ])("%s is told by its kind and not read", async (name, kind) => {
    const odd = by.call(by.global("torch._utils", name), by.none);
    const tree = new Map<string, StoredTensor | Buffer>([
      ["w", floats(1)],
      ["odd", odd],
    ]);
    await using(written(by.torchZip(tree)), ({ tensors, unreadable }) => {
      expect([...tensors.keys()]).toEqual(["w"]);
      expect(unreadable.get("odd")).toMatch(kind);
    });
  });
});

describe("the zip", () => {
  const value = by.pickle(by.dictionary([["w", by.tensorBytes({ key: "0", dtype: "F32", shape: [4], count: 4 })]]));
  const numbers = floats(1, 2, 3, 4).bytes;
  const members = (change: (members: by.Member[]) => by.Member[] | undefined): Buffer => {
    const all = by.membersOf(value, [["0", numbers]]);
    return by.zip(change(all) ?? all);
  };
  const differing = (index: number, change: Partial<by.Member>) =>
    members((all) => void Object.assign(all[index]!, change));

  test.each<[string, Buffer, RegExp]>([
    ["a wrong checksum of numbers", differing(1, { crc: 1 }), /the checksum of its member archive\/data\/0 differs/],
    [
      "a wrong checksum of the pickle",
      differing(0, { crc: 1 }),
      /the checksum of its member archive\/data.pkl differs/,
    ],
    ["two members of one name", members((all) => [...all, { ...all[1]! }]), /two members archive\/data\/0/],
    ["another name in the member's own header", differing(1, { localName: "archive/data/9" }), /called otherwise/],
    ["an encrypted member", differing(1, { flags: 1 }), /archive\/data\/0 is encrypted/],
    ["a compressed member", differing(1, { method: 8 }), /archive\/data\/0 is compressed, which PyTorch never does/],
    ["a bomb", differing(1, { method: 8, size: 2 ** 31 }), /is compressed|damaged/],
    ["a size beyond the file", differing(1, { size: 2 ** 30 }), /overlap|reaches past the end/],
    ["two folders with a pickle", members((all) => [...all, { ...all[0]!, name: "other/data.pkl" }]), /2 data.pkl/],
    ["no pickle", members((all) => all.slice(1)), /0 data.pkl/],
    [
      "a name that climbs",
      members((all) => [...all, { name: "../outside", content: numbers }]),
      /damaged .*\.\.\/outside/,
    ],
    ["an absolute name", members((all) => [...all, { name: "/etc/x", content: numbers }]), /damaged .*absolute path/],
    [
      "a TorchScript program",
      members((all) => [...all, { name: "archive/code/__torch__.py", content: numbers }]),
      /TorchScript/,
    ],
    [
      "bytes before it",
      by.zip(by.membersOf(value, [["0", numbers]]), { before: Buffer.from("PK\x03\x04 and more") }),
      /\d+ bytes stand before its first member/,
    ],
    [
      "an odd order of bytes",
      members((all) => [...all, { name: "archive/byteorder", content: Buffer.from("middle") }]),
      /neither little nor big/,
    ],
  ])("%s is refused", async (_, bytes, reason) => {
    expect(await refusal(written(bytes))).toMatch(/^checkpoint: /);
    expect(await refusal(written(bytes))).toMatch(reason);
  });

  test("a later member whose own header points beyond the file", async () => {
    const bytes = by.torchZip(new Map([1, 2, 3].map((i) => [`w${i}`, floats(i, i)])));
    const header = bytes.indexOf("archive/data/2") - 30;
    bytes.writeUInt16LE(65535, header + 28); // length of the field between name and content
    expect(await refusal(written(bytes))).toMatch(
      /^checkpoint: read .*it ends at byte \d+, bytes \d+ to \d+ are needed/,
    );
  });

  test("numbers of a big-endian machine are turned around", async () => {
    const swapped = Buffer.from(numbers).swap32();
    const all = [...by.membersOf(value, [["0", swapped]]), { name: "archive/byteorder", content: Buffer.from("big") }];
    expect(valuesOf((await readAll(written(by.zip(all)))).get("w")!)).toEqual([1, 2, 3, 4]);
  });

  test("a pickle beyond the limit is not read", async () => {
    const large = members((all) => void Object.assign(all[0]!, { content: Buffer.alloc(33 * 1024 ** 2) }));
    expect(await refusal(written(large))).toMatch(/data.pkl has \d+ bytes, more than 33554432/);
  });
});

describe("the legacy layout", () => {
  const said = { key: "0", dtype: "F32", shape: [4], count: 4 } as const;
  const value = by.dictionary([["w", by.tensorBytes(said)]]);
  const numbers = floats(1, 2, 3, 4).bytes;

  test("is read", async () => {
    expect(valuesOf((await readAll(written(by.legacy(value, [["0", numbers, 4]])))).get("w")!)).toEqual([1, 2, 3, 4]);
  });

  test("a part of a storage is that part", async () => {
    const id = (view: Buffer) =>
      by.outside(
        by.tuple(
          by.text("storage"),
          by.global("torch", "FloatStorage"),
          by.text("0"),
          by.text("cpu"),
          by.whole(4),
          view,
        ),
      );
    const tensor = (view: Buffer) =>
      by.call(
        by.global("torch._utils", "_rebuild_tensor"),
        id(view),
        by.whole(0),
        by.tuple(by.whole(2)),
        by.tuple(by.whole(1)),
      );
    const file = (first: number) => {
      const view = by.tuple(by.text("1"), by.whole(first), by.whole(2));
      return written(by.legacy(by.dictionary([["part", tensor(view)]]), [["0", numbers, 4]]));
    };
    expect(valuesOf((await readAll(file(1))).get("part")!)).toEqual([2, 3]);
    expect(await refusal(file(3))).toMatch(/storage 0 has a part outside of it/);
  });

  test.each<[string, Buffer, RegExp]>([
    ["a plain pickle", by.pickle(by.dictionary([["w", by.whole(1)]])), /a pickle, but none that PyTorch wrote/],
    [
      "numbers too few",
      by.legacy(value, [["0", numbers.subarray(0, 8), 4]]),
      /storage 0 has 2 numbers, 4 are described/,
    ],
    [
      "bytes behind",
      Buffer.concat([by.legacy(value, [["0", numbers, 4]]), Buffer.from("x")]),
      /its storages end at byte/,
    ],
    [
      "a storage that nothing uses",
      by.legacy(value, [
        ["0", numbers, 4],
        ["1", numbers, 4],
      ]),
      /one that nothing uses/,
    ],
    ["a storage that is missing", by.legacy(value, []), /w: storage 0 is missing/],
  ])("%s is refused", async (_, bytes, reason) => {
    expect(await refusal(written(bytes))).toMatch(reason);
  });
});

describe("a file is what its content says", () => {
  test("under any name", async () => {
    const safetensors = Buffer.concat(encodeSafetensors({ tensors: new Map([["w", floats(5)]]), metadata: {} }));
    for (const name of ["a.pth", "a.safetensors", "a.txt"]) {
      expect(valuesOf((await readAll(written(safetensors, name))).get("w")!)).toEqual([5]);
      expect(valuesOf((await readAll(written(small(), name))).get("w")!)).toEqual([1, 2, 3, 4]);
    }
  });

  test.each([
    ["an empty file", "", /it is empty/],
    ["a web page", "<!DOCTYPE html><html>not found</html>", /a web page/],
    ["a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0", /Git LFS/],
    ["gzip", "\x1f\x8b\x08", /it is gzip/],
    ["HDF5", "\x89HDF\r\n", /HDF5/],
    ["text", "weights weights weights", /neither safetensors nor a file of PyTorch/],
    ["a tar", `${"a".repeat(257)}ustar`, /a tar file/],
  ])("%s is called what it is", async (_, content, reason) => {
    expect(await refusal(written(Buffer.from(content, "latin1")))).toMatch(reason);
  });

  test("a folder, a file that is not there", async () => {
    expect(await refusal(folder)).toMatch(/^checkpoint: read .*it is a folder; a readable file/);
    expect(await refusal(join(folder, "nowhere"))).toMatch(/^checkpoint: read .*ENOENT/);
  });

  test("a hostile pickle is refused as unsafe, in both layouts", async () => {
    const value = by.dictionary([["w", by.call(by.global("os", "system"), by.text("id"))]]);
    for (const bytes of [by.zip(by.membersOf(by.pickle(value))), by.legacy(value, [])])
      expect(await refusal(written(bytes))).toMatch(
        /^unsafe: read .*: it asks for os\.system, .*nothing of it was run/,
      );
  });

  test.each([
    ["zip", () => small()],
    ["safetensors", () => Buffer.concat(encodeSafetensors({ tensors: new Map([["w", floats(5, 6)]]), metadata: {} }))],
  ])("one that shrinks or changes while it is read is refused: %s", async (_, bytes) => {
    const path = written(bytes());
    await using(path, async (file) => {
      truncateSync(path, 40);
      await expect(file.read(["w"])).rejects.toThrow(/ended at byte|no header|changed while/);
    });
    writeFileSync(path, bytes());
    await using(path, async (file) => {
      const changed = bytes();
      changed[changed.length - 1]! ^= 1;
      writeFileSync(path, changed);
      await expect(file.read(["w"])).rejects.toThrow(/changed while it was read|checksum/);
    });
  });
});

test("only what is asked for is read: the memory of one tensor, not of the file", async () => {
  const large = Buffer.alloc(200 * 1024 ** 2, 1);
  const tree = new Map<string, StoredTensor>([
    ["small", floats(1)],
    ["large", { dtype: "U8", shape: [large.length], bytes: large }],
  ]);
  const path = written(by.torchZip(tree));
  const before = process.memoryUsage().arrayBuffers;
  await using(path, async (file) => {
    await file.read(["small"]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 ** 2);
  });
});
