// Python's pickle, as far as weights need it: a stack machine that makes plain values and never runs anything. Names of functions and
// classes are handed to the caller, who knows the few that are allowed. The format: Python's pickletools, protocols 2 to 5.
import { displayName } from "../../errors.ts";
import { FormatError } from "./faults.ts";

/** What the names in a pickle stand for. */
export interface PickleWorld {
  /** A function or class by its name. Errors: where the name is not allowed. */
  find(module: string, name: string): unknown;
  /** What a found function or class makes of its arguments. */
  make(found: unknown, args: readonly unknown[]): unknown;
  /** Sets an object's state. */
  fill(object: unknown, state: unknown): void;
  /** What lies outside the pickle, such as the numbers of a tensor. */
  outside(id: unknown): unknown;
}

/** An object of an allowed class that is kept as data: what it holds is remembered, nothing of it is ever called. */
export class Inert {
  readonly items = new Map<unknown, unknown>();

  constructor(readonly className: string) {}
}

/** Our own ceiling: the pickles of whole checkpoints have some hundred kilobytes. */
export const pickleBytesLimit = 32 * 1024 ** 2;
const wholeNumberBytesLimit = 1024;

const Mark = Symbol("mark");

class Machine {
  readonly stack: unknown[] = [];
  readonly memo = new Map<number, unknown>();
  at = 0;
  isDone = false;

  constructor(
    readonly bytes: Buffer,
    readonly world: PickleWorld,
  ) {}

  /** The next bytes. Errors: where there are no more. */
  take(length: number): Buffer {
    if (length > this.bytes.length - this.at)
      throw new FormatError(`${length} bytes are asked for, ${this.bytes.length - this.at} follow`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A length of 8 bytes; more than 2^53 is more than follows anyway. */
  length8 = (): number => Number(this.take(8).readBigUInt64LE());

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw new FormatError("a name does not end");
    return text(this.take(end + 1 - this.at).subarray(0, -1));
  }

  push = (value: unknown): void => void this.stack.push(value);

  pop(): unknown {
    const value = this.stack.pop();
    if (value === undefined || value === Mark) throw new FormatError("its stack is empty");
    return value;
  }

  top(): unknown {
    const value = this.stack.at(-1);
    if (value === undefined || value === Mark) throw new FormatError("its stack is empty");
    return value;
  }

  popToMark(): unknown[] {
    const mark = this.stack.lastIndexOf(Mark);
    if (mark < 0) throw new FormatError("its stack has no mark");
    const values = this.stack.splice(mark);
    values.shift();
    return values;
  }

  remember = (index: number): void => void this.memo.set(index, this.top());

  recall(index: number): void {
    if (!this.memo.has(index)) throw new FormatError(`its memory has no place ${index}`);
    this.push(this.memo.get(index));
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new FormatError("a text is not UTF-8");
  }
}

/** Python 2 wrote its byte strings in place of texts. */
const oldText = (bytes: Buffer): string => bytes.toString("latin1");

function wholeNumber(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length > wholeNumberBytesLimit) throw new FormatError(`a whole number has ${bytes.length} bytes`);
  const hex = Buffer.from(bytes).reverse().toString("hex");
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function asArguments(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new FormatError("arguments are no tuple");
  return value as unknown[];
}

function append(target: unknown, values: readonly unknown[]): void {
  if (target instanceof Inert) return;
  if (!Array.isArray(target)) throw new FormatError("something that is no list is appended to");
  for (const value of values) target.push(value);
}

function setItems(target: unknown, flat: readonly unknown[]): void {
  const items = target instanceof Inert ? target.items : target;
  if (!(items instanceof Map)) throw new FormatError("something that is no dictionary is given keys");
  if (flat.length % 2 !== 0) throw new FormatError("a key has no value");
  for (let i = 0; i < flat.length; i += 2) items.set(flat[i], flat[i + 1]);
}

function make(machine: Machine): void {
  const args = asArguments(machine.pop());
  machine.push(machine.world.make(machine.pop(), args));
}

function find(machine: Machine, module: unknown, name: unknown): void {
  if (typeof module !== "string" || typeof name !== "string") throw new FormatError("a name is no text");
  machine.push(machine.world.find(module, name));
}

function checkProtocol(machine: Machine): void {
  const version = machine.take(1)[0]!;
  if (version > 5) throw new FormatError(`its pickle protocol ${version} is unknown`);
}

/** The opcodes of data. Those that are not here (`INST`, `OBJ`, `EXT1`, `PERSID`, `NEWOBJ_EX`, text forms of protocol 0, ...) are refused. */
const opcodes: Readonly<Record<string, (machine: Machine) => void>> = {
  "\x80": checkProtocol,
  "\x95": (m) => void m.length8(), // a frame only says how much to read ahead
  ".": (m) => {
    m.isDone = true;
  },
  "(": (m) => m.push(Mark),
  N: (m) => m.push(null),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  J: (m) => m.push(m.take(4).readInt32LE()),
  K: (m) => m.push(m.take(1)[0]),
  M: (m) => m.push(m.take(2).readUInt16LE()),
  "\x8a": (m) => m.push(wholeNumber(m.take(m.take(1)[0]!))),
  "\x8b": (m) => m.push(wholeNumber(m.take(m.take(4).readUInt32LE()))),
  G: (m) => m.push(m.take(8).readDoubleBE()),
  X: (m) => m.push(text(m.take(m.take(4).readUInt32LE()))),
  "\x8c": (m) => m.push(text(m.take(m.take(1)[0]!))),
  "\x8d": (m) => m.push(text(m.take(m.length8()))),
  T: (m) => m.push(oldText(m.take(m.take(4).readUInt32LE()))),
  U: (m) => m.push(oldText(m.take(m.take(1)[0]!))),
  B: (m) => m.push(m.take(m.take(4).readUInt32LE())),
  C: (m) => m.push(m.take(m.take(1)[0]!)),
  "\x8e": (m) => m.push(m.take(m.length8())),
  "]": (m) => m.push([]),
  a: (m) => {
    const value = m.pop();
    append(m.top(), [value]);
  },
  e: (m) => {
    const values = m.popToMark();
    append(m.top(), values);
  },
  ")": (m) => m.push([]),
  t: (m) => m.push(m.popToMark()),
  "\x85": (m) => m.push([m.pop()]),
  "\x86": (m) => m.push([m.pop(), m.pop()].reverse()),
  "\x87": (m) => m.push([m.pop(), m.pop(), m.pop()].reverse()),
  "}": (m) => m.push(new Map()),
  s: (m) => {
    const pair = [m.pop(), m.pop()].reverse();
    setItems(m.top(), pair);
  },
  u: (m) => {
    const flat = m.popToMark();
    setItems(m.top(), flat);
  },
  "\x8f": (m) => m.push([]), // a set, kept as a list
  "\x90": (m) => {
    const values = m.popToMark();
    append(m.top(), values);
  },
  "\x91": (m) => m.push(m.popToMark()),
  q: (m) => m.remember(m.take(1)[0]!),
  r: (m) => m.remember(m.take(4).readUInt32LE()),
  "\x94": (m) => m.remember(m.memo.size),
  h: (m) => m.recall(m.take(1)[0]!),
  j: (m) => m.recall(m.take(4).readUInt32LE()),
  c: (m) => find(m, m.line(), m.line()),
  "\x93": (m) => {
    const name = m.pop();
    find(m, m.pop(), name);
  },
  R: make,
  "\x81": make,
  b: (m) => {
    const state = m.pop();
    m.world.fill(m.top(), state);
  },
  Q: (m) => m.push(m.world.outside(m.pop())),
};

const steps = Array.from({ length: 256 }, (_, code) => opcodes[String.fromCharCode(code)]);

/**
 * Reads the pickle at the beginning of `bytes`; `end` is where it ends. Dictionaries become Maps, lists, tuples and sets arrays.
 * Errors: FormatError with opcode and byte; and those of `world`, with the byte.
 */
export function readPickle(bytes: Buffer, world: PickleWorld): { value: unknown; end: number } {
  const machine = new Machine(bytes, world);
  while (!machine.isDone) step(machine);
  const value = machine.pop();
  if (machine.stack.length > 0) throw new FormatError(`its pickle leaves ${machine.stack.length} values over`);
  return { value, end: machine.at };
}

function step(machine: Machine): void {
  const start = machine.at;
  if (start === machine.bytes.length) throw new FormatError(`its pickle ends at byte ${start} without an end mark`);
  const code = machine.bytes[start]!;
  const run = steps[code];
  machine.at++;
  if (!run) throw new FormatError(`${placeText(code, start)} is none of those that weights need`);
  try {
    run(machine);
  } catch (error) {
    if (error instanceof FormatError) error.message = `${placeText(code, start)}: ${error.message}`;
    throw error;
  }
}

const placeText = (code: number, start: number): string => `opcode ${opcodeText(code)} at byte ${start} of its pickle`;

const opcodeText = (code: number): string =>
  code > 32 && code < 127 ? displayName(String.fromCharCode(code)) : `0x${code.toString(16).padStart(2, "0")}`;
