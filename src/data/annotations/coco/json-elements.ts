// A JSON file larger than a string may be, or than memory: arrays of its outermost object are handed out an element at a time.
import { closeSync, readSync } from "node:fs";
import { displayName, SelfsightError } from "../../../errors.ts";
import { openRegular } from "../../../files.ts";

/** Bytes read in one go. */
const chunkBytes = 1 << 22;
/** The largest element that is read; the largest of COCO is some 100 kB. */
const mostElementBytes = 1 << 26;

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Told each element of an array: the key that the array stands under ("" where the file is an array), its value, its place from 0. */
export type OnElement = (key: string, element: unknown, place: number) => void;

/**
 * Reads a JSON file whose outermost value is an object of arrays, or an array, and hands out the elements of the arrays under `keys`.
 * Everything else is passed over, but must be whole. Memory: one element and 4 MiB.
 *
 * @returns the keys of the outermost object whose value is an array.
 * @throws SelfsightError "data" for a file that cannot be read, is cut short or is no such JSON.
 */
export function readJsonElements(path: string, keys: readonly string[], onElement: OnElement): string[] {
  const bytes = new ByteReader(path);
  try {
    return readOutermost(bytes, keys, onElement);
  } catch (cause) {
    if (cause instanceof SelfsightError) throw cause;
    throw bytes.wrong((cause as Error).message);
  } finally {
    bytes.close();
  }
}

function readOutermost(bytes: ByteReader, keys: readonly string[], onElement: OnElement): string[] {
  const first = bytes.nextSolid();
  if (first === openBracket) {
    readArray(bytes, keys.includes("") ? (element, place) => onElement("", element, place) : undefined);
    bytes.expectEnd();
    return [""];
  }
  if (first !== openBrace) throw bytes.wrong("it is neither a JSON object nor an array");
  const found = readMembers(bytes, keys, onElement);
  bytes.expectEnd();
  return found;
}

function readMembers(bytes: ByteReader, keys: readonly string[], onElement: OnElement): string[] {
  const found: string[] = [];
  for (let next = bytes.nextSolid(); next !== closeBrace; ) {
    const key = readKey(bytes, next);
    const value = bytes.nextSolid();
    if (value !== openBracket) parsed(bytes, bytes.value(value));
    else {
      found.push(key);
      readArray(bytes, keys.includes(key) ? (element, place) => onElement(key, element, place) : undefined);
    }
    next = behindComma(bytes, closeBrace);
  }
  return found;
}

function readKey(bytes: ByteReader, first: number): string {
  if (first !== quote) throw bytes.wrong("a key is missing");
  const key = parsed(bytes, bytes.value(first)) as string;
  if (bytes.nextSolid() !== colon) throw bytes.wrong(`no value stands behind ${key.slice(0, 40)}`);
  return key;
}

/** The end, or the first byte of what stands behind the comma. */
function behindComma(bytes: ByteReader, end: number): number {
  const next = bytes.nextSolid();
  if (next === end) return end;
  if (next !== comma) throw bytes.wrong("a comma is missing");
  const first = bytes.nextSolid();
  if (first === end) throw bytes.wrong("nothing stands behind a comma");
  return first;
}

/** Behind its opening bracket. */
function readArray(bytes: ByteReader, take: ((element: unknown, place: number) => void) | undefined): void {
  let next = bytes.nextSolid();
  for (let place = 0; next !== closeBracket; place++) {
    if (take) take(parsed(bytes, bytes.value(next)), place);
    else bytes.passOver(next);
    next = behindComma(bytes, closeBracket);
  }
}

function parsed(bytes: ByteReader, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw bytes.wrong((cause as Error).message);
  }
}

/** A file's bytes, one behind the other. */
class ByteReader {
  readonly #path: string;
  readonly #file: number;
  #chunk = Buffer.alloc(0);
  #at = 0;
  #before = 0; // bytes of the file before the chunk
  #isEnd = false;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openRegular(path);
    } catch (cause) {
      throw new SelfsightError(
        "data",
        `reading ${displayName(path)}: ${(cause as Error).message}; a JSON file is needed; check the path`,
        { cause },
      );
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  wrong(reason: string): SelfsightError {
    const place = `byte ${this.#before + this.#at}`;
    return new SelfsightError(
      "data",
      `reading ${displayName(this.#path)}: at ${place}: ${displayName(reason)}; whole COCO JSON is needed; export it again`,
    );
  }

  /** Keeps the bytes from `from` on and reads some behind them; the place in the chunk moves with them. */
  #more(from: number): boolean {
    if (this.#isEnd) return false;
    const kept = this.#chunk.subarray(from);
    if (kept.length > mostElementBytes) throw this.wrong(`an element is longer than ${mostElementBytes} bytes`);
    const next = Buffer.allocUnsafe(kept.length + Math.max(chunkBytes, kept.length));
    kept.copy(next);
    const count = readSync(this.#file, next, kept.length, next.length - kept.length, null);
    this.#before += from;
    this.#at -= from;
    this.#chunk = next.subarray(0, kept.length + count);
    this.#isEnd = count === 0;
    return count > 0;
  }

  /** The next byte that is no white space; the reader stands behind it. */
  nextSolid(): number {
    for (;;) {
      while (this.#at < this.#chunk.length) {
        const byte = this.#chunk[this.#at++]!;
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09 && !this.#isMark(byte)) return byte;
      }
      if (!this.#more(this.#chunk.length)) throw this.wrong("it ends too early");
    }
  }

  /** The byte order mark that some programs begin a file with. */
  #isMark(byte: number): boolean {
    const place = this.#before + this.#at - 1;
    return place < 3 && byte === [0xef, 0xbb, 0xbf][place];
  }

  expectEnd(): void {
    for (;;) {
      for (; this.#at < this.#chunk.length; this.#at++)
        if (this.#chunk[this.#at]! > 0x20) throw this.wrong("something stands behind its end");
      if (!this.#more(this.#chunk.length)) return;
    }
  }

  /** The text of the value whose first byte was read last; the reader stands behind it. */
  value(first: number): string {
    const start = this.#toEnd(first);
    return this.#chunk.toString("utf8", start, this.#at);
  }

  /** Moves behind the value whose first byte was read last. */
  passOver(first: number): void {
    this.#toEnd(first);
  }

  /** Where in the chunk the value begins that the reader then stands behind. */
  #toEnd(first: number): number {
    const scan = new ValueScan(first);
    let start = this.#at - 1;
    for (;;) {
      const end = scan.endIn(this.#chunk, this.#at);
      this.#at = end ?? this.#chunk.length;
      if (end !== undefined) return start;
      if (!this.#more(start)) throw this.wrong("it ends within a value");
      start = 0;
    }
  }
}

/** Finds where a value ends: an object or array at its closing bracket, a string at its quote, all else before what cannot be part of it. */
class ValueScan {
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  readonly #isPlain: boolean;

  constructor(first: number) {
    this.#isString = first === quote;
    if (first === openBrace || first === openBracket) this.#depth = 1;
    this.#isPlain = !this.#isString && this.#depth === 0;
  }

  endIn(chunk: Buffer, from: number): number | undefined {
    if (this.#isPlain) return plainEnd(chunk, from);
    let [depth, isString, isEscaped] = [this.#depth, this.#isString, this.#isEscaped]; // a private field costs at each byte
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (isEscaped) isEscaped = false;
      else if (isString && byte === backslash) isEscaped = true;
      else if (byte === quote) isString = !isString;
      else if (!isString && (byte === openBrace || byte === openBracket)) depth++;
      else if (!isString && (byte === closeBrace || byte === closeBracket)) depth--;
      if (depth === 0 && !isString) return at + 1;
    }
    [this.#depth, this.#isString, this.#isEscaped] = [depth, isString, isEscaped];
    return undefined;
  }
}

function plainEnd(chunk: Buffer, from: number): number | undefined {
  for (let at = from; at < chunk.length; at++) {
    const byte = chunk[at]!;
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) return at;
  }
  return undefined;
}
