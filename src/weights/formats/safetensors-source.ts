import type { ByteSource } from "./byte-source.ts";
import { type Header, headerLengthOf, parseHeader } from "./safetensors-header.ts";

/** Header first: no memory is taken for data that the header does not describe. Errors: FormatError. */
export function readSafetensorsHeader(source: ByteSource): Header & { dataStart: number } {
  const headerLength = headerLengthOf(source.read(0, Math.min(8, source.size)), source.size);
  const dataStart = 8 + headerLength;
  return { ...parseHeader(source.read(8, headerLength), source.size - dataStart), dataStart };
}
