// Imports run downwards only, and neighbours in a layer do not import each other. This table is the architecture.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const source = fileURLToPath(new URL("../src", import.meta.url));

/** From the bottom up; what stands in one line are neighbours. */
const layers = [
  ["errors", "random", "version"],
  ["files"],
  ["torch"],
  ["nn", "data"],
  ["augment"],
  ["methods", "weights"],
  ["train", "evaluate"],
  ["recipes", "report"],
  ["work"],
  ["compare"],
  ["cli", "index"],
];
/** What must run where libtorch is missing. */
const withoutTorch = ["errors", "random", "version", "files", "data"];

const roomOf = (path: string): string => relative(source, path).split("/")[0]!.replace(/\.ts$/, "");
const layerOf = (room: string): number => layers.findIndex((rooms) => rooms.includes(room));

interface Import {
  from: string;
  to: string;
  file: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const paths = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) =>
    join(dirname(file), match[1]!),
  );
  const inside = paths.filter((path) => path.startsWith(`${source}/`));
  return inside.map((path) => ({ from: roomOf(file), to: roomOf(path), file: relative(source, file) }));
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.endsWith("-suite.ts"))
  .map((name) => join(source, name));
const imports = files.flatMap(importsOf).filter(({ from, to }) => from !== to);

describe("layers", () => {
  it("sees the imports at all", () => expect(imports.length).toBeGreaterThan(50));

  it("knows every room", () => {
    expect(files.map(roomOf).filter((room) => layerOf(room) < 0)).toEqual([]);
  });

  it("lets imports run downwards only", () => {
    const wrong = imports.filter(({ from, to }) => layerOf(to) >= layerOf(from));
    expect(wrong.map(({ file, to }) => `${file} imports ${to}, which does not lie below it`)).toEqual([]);
  });

  it("keeps libtorch out of the rooms that run without it", () => {
    const wrong = imports.filter(({ from, to }) => withoutTorch.includes(from) && !withoutTorch.includes(to));
    expect(wrong.map(({ file, to }) => `${file} imports ${to}, which needs libtorch`)).toEqual([]);
  });
});
