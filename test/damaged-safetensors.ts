// Safetensors files with keyed damage: the same ones wherever they are drawn, so that another parser's verdict on each can be kept.
import { keyedStream } from "../src/random.ts";

const header =
  '{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"b.c":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}';

function whole(): Buffer {
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([start, Buffer.from(header), Buffer.from(Array.from({ length: 32 }, (_, i) => 7 * i))]);
}

/** So many files. */
export function* damagedFiles(count: number): Generator<Buffer> {
  const random = keyedStream(20261124);
  const file = whole();
  for (let i = 0; i < count; i++) yield i % 2 === 0 ? damaged(file, random) : altered(random);
}

const types = [
  "BOOL",
  "U8",
  "I8",
  "F8_E4M3",
  "I16",
  "U16",
  "F16",
  "BF16",
  "I32",
  "U32",
  "F32",
  "I64",
  "U64",
  "F64",
  "C64",
];

/** One or two changes that leave the header JSON: digits, types, names, spaces, keys. */
function altered(random: () => number): Buffer {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const changes: ((text: string) => string)[] = [
    (text) => replaceOne(text, /\d/g, () => pick([..."0123456789"]), random),
    (text) =>
      replaceOne(
        text,
        /\[\d+(,\d+)?\]/g,
        () => pick(["[]", "[0]", "[6]", "[2,3]", "[0,32]", "[8,32]", "[24,24]"]),
        random,
      ),
    (text) => replaceOne(text, /"[A-Z][A-Z0-9_]+"/g, () => `"${pick(types)}"`, random),
    (text) => replaceOne(text, /[,:{}[\]]/g, (found) => found + pick([" ", "\n", "  "]), random),
    (text) =>
      replaceOne(
        text,
        /"(a|b\.c|k|dtype|shape|data_offsets)":/g,
        () => pick(['"a":', '"":', '"shape":', '"x":']),
        random,
      ),
    (text) => replaceOne(text, /"v"/g, () => pick(["1", "null", '""', '"\\u0000"', "[]"]), random),
  ];
  const text = random() < 0.5 ? pick(changes)(header) : pick(changes)(pick(changes)(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([start, Buffer.from(text), whole().subarray(8 + header.length)]);
}

function replaceOne(text: string, what: RegExp, by: (found: string) => string, random: () => number): string {
  const found = [...text.matchAll(what)];
  const chosen = found[Math.floor(random() * found.length)];
  if (!chosen) return text;
  const { 0: old, index } = chosen;
  return text.slice(0, index) + by(old) + text.slice(index + old.length);
}

const tokens = [
  "{",
  "}",
  "[",
  "]",
  '"',
  ",",
  ":",
  "0",
  "-1",
  "1e9",
  "9007199254740993",
  "null",
  '"a"',
  '"F64"',
  "\\u0000",
  "\xff",
];

/** One to three changes: bytes flipped, cut, doubled, or tokens put in; half of them in the header. */
function damaged(whole: Buffer, random: () => number): Buffer {
  let bytes = Buffer.from(whole);
  const headerEnd = 8 + Number(whole.readBigUInt64LE(0));
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const at = Math.floor(random() * Math.min(bytes.length, random() < 0.8 ? headerEnd : bytes.length));
    const kind = Math.floor(random() * 4);
    const rest = bytes.subarray(at);
    const token = Buffer.from(tokens[Math.floor(random() * tokens.length)]!, "latin1");
    if (kind === 0) bytes[at] = Math.floor(random() * 256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), rest.subarray(1 + Math.floor(random() * 8))]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), rest.subarray(0, 8), rest]);
    else bytes = Buffer.concat([bytes.subarray(0, at), token, rest.subarray(random() < 0.5 ? token.length : 0)]);
    if (bytes.length >= 8 && random() < 0.7 && at >= 8)
      bytes.writeBigUInt64LE(BigInt(Math.max(0, headerEnd - 8 + bytes.length - whole.length)), 0);
  }
  return bytes;
}
