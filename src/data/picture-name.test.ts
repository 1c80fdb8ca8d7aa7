import fc from "fast-check";
import { expect, test } from "vitest";
import { displayName } from "../errors.ts";
import { bytesOfName, nameOfBytes } from "./picture-name.ts";

test.each([
  ["a/cat.jpg", "a/cat.jpg"],
  ['100 % of <b>"it\'s"</b>.png', '100 % of <b>"it\'s"</b>.png'],
  ["日本 🦝 é e\u0301", "日本 🦝 é e\u0301"],
  [Buffer.from("caf\xe9", "latin1"), "caf\\xe9"],
  [Buffer.from("caf\xe8", "latin1"), "caf\\xe8"],
  ["line\nbreak", "line\\x0abreak"],
  ["tab\there", "tab\\x09here"],
  ["\u202egnp", "\\xe2\\x80\\xaegnp"],
  ["replacement \ufffd", "replacement \\xef\\xbf\\xbd"],
  ["back\\slash", "back\\\\slash"],
  ["back\\xe9", "back\\\\xe9"],
  [Buffer.from("ed a0 80".replaceAll(" ", ""), "hex"), "\\xed\\xa0\\x80"], // half a surrogate is no character
  [Buffer.from("c0af", "hex"), "\\xc0\\xaf"], // nor is one written longer than need be
])("%j is called %s", (path, name) => {
  expect(nameOfBytes(Buffer.from(path))).toBe(name);
  expect(bytesOfName(name)).toEqual(Buffer.from(path));
});

test("every path of bytes has a name of its own, which shows and leads back", () => {
  const odd = fc
    .constantFrom("\\", "\\x", "\\xe9", "\n", "é", "\u202e", "\ufffd", "🦝", "\ud83e")
    .map((text) => Buffer.from(text));
  const path = fc.array(
    fc.oneof(
      odd,
      fc.uint8Array({ maxLength: 3 }),
      fc.string().map((text) => Buffer.from(text)),
    ),
  );
  fc.assert(
    fc.property(path, (parts) => {
      const bytes = Buffer.concat(parts);
      const name = nameOfBytes(bytes);
      expect(bytesOfName(name)).toEqual(bytes);
      expect(displayName(name)).toBe(name);
      expect(name).not.toMatch(/[\n\r\t]/);
    }),
    { numRuns: 2000 },
  );
});
