// What a picture is called in everything that is written: its path below the folder as one line of text, which leads back to its bytes.
import { unshown } from "../errors.ts";

/** One character of UTF-8 as its bytes, or one byte that is none; for text in which each byte is a character. */
const character =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name may hold any byte
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/**
 * A path of any bytes as text. A backslash stands as `\\`; a byte that is no UTF-8, and each byte of a character that would not
 * show (control, direction), as `\x` and two hexadecimal digits; all else is as it is. So no two paths have one name.
 */
export const nameOfBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("latin1")
    .replace(character, (sequence) => shown(Buffer.from(sequence, "latin1")));

function shown(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (text === "\\") return "\\\\";
  return unshown.test(text) ? `\\x${bytes.toString("hex").match(/../g)!.join("\\x")}` : text;
}

/** The path that `nameOfBytes` gave this name. */
export function bytesOfName(name: string): Uint8Array {
  const parts = name.split(/(\\\\|\\x[0-9a-f]{2})/); // text and escapes by turns
  return Buffer.concat(parts.map((part, i) => (i % 2 === 0 ? Buffer.from(part) : escapedByte(part))));
}

const escapedByte = (text: string): Buffer => (text === "\\\\" ? Buffer.from("\\") : Buffer.from(text.slice(2), "hex"));
