// Calls every function of the addon, and every operator, with wrong values. Run by addon-fuzz.test.ts in a process of its own:
// what is looked for is the end of the process by a signal. The last line on standard error says which call that was.
import { writeSync } from "node:fs";
import { addon } from "../src/torch/addon.ts";
import { findOperators } from "../src/torch/operators.ts";
import { newerSchemas, schemas } from "../src/torch/schemas.ts";

const [, , seedText, roundsText] = process.argv;
let state = Number(seedText) >>> 0;
const rounds = Number(roundsText);

/** mulberry32 */
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

const native = addon();
const detached = new Float64Array(4);
structuredClone(detached, { transfer: [detached.buffer] });
const freed = native.fromTypedArray(new Float32Array(2), [2], "float32");
native.free(Float64Array.of(freed));
const hostile = {
  get length() {
    throw new Error("from a getter");
  },
};
const counts = { calls: 0, refusals: 0 };

/** Handles of small tensors of all kinds; made anew where a call has used them up. */
function tensors(): number[] {
  const shapes = [[], [0], [1], [3], [2, 3], [3, 3], [0, 4], [1, 2, 4, 4], [2, 2, 3, 3]];
  const made = shapes.map((shape) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return native.fromTypedArray(
      Float32Array.from({ length: count }, (_, i) => i - 1),
      shape,
      "float32",
    );
  });
  const whole = native.fromTypedArray(BigInt64Array.of(0n, -7n, 1n << 40n), [3], "int64");
  const bytes = native.fromTypedArray(Uint8Array.of(1, 0, 255), [3], "uint8");
  return [...made, whole, bytes];
}
let live = tensors();

// Sizes are tiny or beyond every memory: what lies between would only be slow.
const evilNumbers = [-1, 0, 0.5, 3, 2 ** 45, 2 ** 53, -(2 ** 63), 1e308, Number.NaN, Number.POSITIVE_INFINITY];
const evil = (): unknown =>
  pick([
    () => pick(evilNumbers),
    () => pick(["", "cpu", "float32", "cuda:99", "\0", "x".repeat(10_000), "channels_last"]),
    () => pick([null, undefined, true, Symbol("s"), 7n, () => 1, new Date(0), /x/]),
    () =>
      pick([
        {},
        hostile,
        [],
        [[]],
        [null],
        ["a"],
        new Array(5),
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        new Map(),
        new Proxy([], {}),
      ]),
    () =>
      pick([
        detached,
        new Float64Array(3).fill(Number.NaN),
        Float64Array.of(freed),
        new Uint8Array(4),
        new DataView(new ArrayBuffer(8)),
      ]),
    () => pick([freed, ...live]),
    () => Float64Array.of(pick(live), pick(live)),
  ])();

/** A value that a schema's type would take. */
function fitting(type: string): unknown {
  if (type.endsWith("?")) return random() < 0.3 ? null : fitting(type.slice(0, -1));
  if (type === "Tensor[]") return Float64Array.from({ length: pick([0, 1, 2, 3]) }, () => pick(live));
  if (type.endsWith("[]")) return Array.from({ length: pick([0, 1, 2, 2, 2, 4]) }, () => fitting(type.slice(0, -2)));
  if (type === "Tensor") return pick(live);
  if (type === "bool") return random() < 0.5;
  if (type === "ScalarType") return pick(["uint8", "int64", "float16", "bfloat16", "float32", "float64", "bool"]);
  if (type === "MemoryFormat") return pick(["contiguous_format", "preserve_format", "channels_last"]);
  if (type === "Device") return pick(["cpu", "meta"]);
  return pick([-1, 0, 1, 2, 3, ...(random() < 0.2 ? evilNumbers : [])]);
}

function attempt(label: string, values: readonly unknown[], body: () => unknown): void {
  counts.calls += 1;
  writeSync(2, `${label}(${values.map(show).join(", ")})\n`);
  try {
    collect(body());
  } catch (error) {
    counts.refusals += 1;
    if (!(error instanceof Error)) throw new Error(`${label} threw ${String(error)}`);
  }
}

const show = (value: unknown): string => {
  if (typeof value === "symbol" || typeof value === "function" || value === hostile) return typeof value;
  return typeof value === "string"
    ? value.slice(0, 20)
    : ArrayBuffer.isView(value)
      ? `view of ${value.byteLength}`
      : String(value);
};

/** Frees what came out, and starts anew with fresh tensors now and then. */
function collect(result: unknown): void {
  if (typeof result === "number" && native.isAlive(result) && !live.includes(result))
    native.free(Float64Array.of(result));
  else if (Array.isArray(result)) for (const element of result) collect(element);
}

function renew(): void {
  native.free(Float64Array.from(live));
  live = tensors();
  native.gradMode(true);
  native.autocast("cpu", false, "bfloat16");
}

/** `call` has its own turn below; `openStore` waits for another program as long as it is told to. */
const notHere = ["call", "openStore"];

function functions(): void {
  const table = native as unknown as Record<string, (...values: unknown[]) => unknown>;
  for (const name of Object.keys(table).filter((key) => !notHere.includes(key)))
    for (let round = 0; round < rounds; round++) {
      const values = Array.from({ length: pick([0, 1, 2, 3, 4, 5]) }, evil);
      attempt(name, values, () => table[name]!(...values));
      renew();
    }
}

function operators(): void {
  const found = findOperators(schemas, newerSchemas);
  for (const [line, number] of found) {
    const [, name, list] = /^\w+::([\w.]+)\((.*)\)/.exec(line)!;
    const types = list!.split(", ").map((argument) => argument.split(" ")[0]!);
    for (let round = 0; round < rounds; round++) {
      const values = types.map((type) => (random() < 0.06 ? evil() : fitting(type)));
      attempt(name!, values, () => native.call(number, ...values));
      renew();
    }
  }
  for (const number of [-1, 0.5, 1e9, Number.NaN, undefined]) attempt("call", [number], () => native.call(number));
}

functions();
operators();
process.stdout.write(JSON.stringify(counts));
