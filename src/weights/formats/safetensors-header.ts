// The header of a safetensors file: JSON that says where each tensor lies. Every rule of the reference parser is checked here.
import { displayName } from "../../errors.ts";
import { FormatError } from "./faults.ts";

export const bytesPerElement = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  F32: 4,
  I64: 8,
  F64: 8,
} as const;
export type StoredType = keyof typeof bytesPerElement;

/** Where a tensor's bytes lie, counted from the end of the header. */
export interface Entry {
  name: string;
  dtype: StoredType;
  shape: readonly number[];
  begin: number;
  end: number;
}

export interface Header {
  /** In the order of the data. */
  entries: Entry[];
  metadata: Record<string, string>;
}

/** Our own ceilings, far below what the format allows: a header is text that must be parsed whole. */
const headerBytesLimit = 25_000_000;
const namesLimit = 100_000;
const depthLimit = 8;

/** The header's length from a file's first 8 bytes; `fileBytes` is the size of the whole file. */
export function headerLengthOf(start: Uint8Array, fileBytes: number): number {
  if (start.length < 8) throw new FormatError(`it has ${start.length} bytes, too few for a header`);
  const length = Buffer.from(start.buffer, start.byteOffset, 8).readBigUInt64LE(0);
  if (length > BigInt(Math.min(headerBytesLimit, fileBytes - 8)))
    throw new FormatError(`its header is said to have ${length} bytes, the file has ${fileBytes}`);
  return Number(length);
}

/** Reads the header's text; `dataBytes` is what follows it in the file. */
export function parseHeader(bytes: Uint8Array, dataBytes: number): Header {
  const table = tableIn(bytes);
  const metadata = metadataIn(table.get("__metadata__") ?? {});
  table.delete("__metadata__");
  const entries = Array.from(table, ([name, value]) => entryFrom(name, value));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkOrder(entries, dataBytes);
  return { entries, metadata };
}

function tableIn(bytes: Uint8Array): Map<string, unknown> {
  if (bytes[0] !== 0x7b) throw new FormatError("its header does not start with {");
  let parsed: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    parsed = JSON.parse(text);
    checkTokens(text);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(`its header is no JSON (${displayName((cause as Error).message)})`);
  }
  const table = new Map(Object.entries(parsed as object));
  if (table.size > namesLimit) throw new FormatError(`it names ${table.size} tensors, more than ${namesLimit}`);
  for (const name of table.keys()) if (/\p{Surrogate}/u.test(name)) throw new FormatError("a tensor's name is no text");
  return table;
}

/** What JSON.parse lets through: a key that comes twice (the last would win), numbers with point or exponent, great depth. */
function checkTokens(text: string): void {
  const open: Set<string>[] = [];
  for (const [token, string, after] of text.matchAll(/("(?:[^"\\]+|\\.)*")\s*(:?)|[{}[\]]|-?\d[\d.eE+-]*/g)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (string === undefined) checkWhole(token);
    else if (after === ":") checkNew(open.at(-1)!, JSON.parse(string) as string);
    if (open.length > depthLimit) throw new FormatError(`its header is nested deeper than ${depthLimit}`);
  }
}

function checkWhole(token: string): void {
  if (!/^\d+$/.test(token)) throw new FormatError(`its header holds the number ${token}, which is no size`);
}

function checkNew(keys: Set<string>, key: string): void {
  if (keys.has(key)) throw new FormatError(`its header names ${displayName(key)} twice`);
  keys.add(key);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function metadataIn(value: unknown): Record<string, string> {
  const isText = isRecord(value) && Object.values(value).every((text) => typeof text === "string");
  if (!isText) throw new FormatError("its __metadata__ is not a table of texts");
  return { ...(value as Record<string, string>) };
}

function entryFrom(name: string, value: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
  const label = `tensor ${displayName(name)}`;
  if (!isStoredType(dtype)) {
    const found = typeof dtype === "string" ? displayName(dtype) : typeof dtype;
    throw new FormatError(`${label} has the unknown type ${found}`);
  }
  if (!areSizes(shape)) throw new FormatError(`${label} has no valid shape`);
  if (!areSizes(offsets) || offsets.length !== 2) throw new FormatError(`${label} has no valid data_offsets`);
  const [begin, end] = offsets as [number, number];
  const needed = bytesOf(dtype, shape);
  if (end - begin !== needed)
    throw new FormatError(
      `${label} [${shape.join(", ")}] of ${dtype} needs ${needed} bytes, its offsets give ${end - begin}`,
    );
  return { name, dtype, shape, begin, end };
}

const isStoredType = (value: unknown): value is StoredType =>
  typeof value === "string" && Object.hasOwn(bytesPerElement, value);

const areSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

/** NaN where the sizes multiply beyond what can be counted, even if a 0 comes later. */
function bytesOf(dtype: StoredType, shape: readonly number[]): number {
  const multiply = (product: number, size: number) =>
    Number.isSafeInteger(product * size) ? product * size : Number.NaN;
  return shape.reduce(multiply, 1) * bytesPerElement[dtype];
}

function checkOrder(entries: readonly Entry[], dataBytes: number): void {
  let expected = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== expected)
      throw new FormatError(
        `tensor ${displayName(name)} starts at byte ${begin} of the data, ${expected} was expected`,
      );
    expected = end;
  }
  if (expected !== dataBytes)
    throw new FormatError(`its tensors end at byte ${expected} of the data, which has ${dataBytes}`);
}
