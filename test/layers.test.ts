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
  ["nn", "data", "distributed"],
  ["augment"],
  ["methods", "weights", "detect"],
  ["train", "evaluate"],
  ["recipes", "report", "serve"],
  ["work"],
  ["compare"],
  ["cli", "index", "extend"],
];
/** What must run where libtorch is missing. */
const withoutTorch = ["errors", "random", "version", "files", "data", "serve"];

const roomOf = (path: string): string => relative(source, path).split("/")[0]!.replace(/\.ts$/, "");
const layerOf = (room: string): number => layers.findIndex((rooms) => rooms.includes(room));

interface Import {
  from: string;
  to: string;
  file: string;
}

const importPath = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;

function importsOf(file: string): Import[] {
  return importedFiles(file).map((path) => ({ from: roomOf(file), to: roomOf(path), file: relative(source, file) }));
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

/** Of every file of src, what it imports inside src; type-only and dynamic imports count. */
const graph = new Map(files.map((file) => [file, importedFiles(file)]));

function importedFiles(file: string): string[] {
  const paths = [...readFileSync(file, "utf8").matchAll(importPath)].map((match) => join(dirname(file), match[1]!));
  return paths.filter((path) => path.startsWith(`${source}/`));
}

/** The files that a walk from `file` comes back to it through, or undefined. */
function circleThrough(file: string): string[] | undefined {
  const seen = new Set<string>();
  const walk = (at: string, path: string[]): string[] | undefined => {
    for (const next of graph.get(at) ?? []) {
      if (next === file) return [...path, file];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...path, next]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(file, [file]);
}

describe("the house", () => {
  it("has no circle of imports", () => {
    const circles = files.map(circleThrough).filter((circle) => circle !== undefined);
    expect(circles.map((circle) => circle.map((path) => relative(source, path)).join(" -> "))).toEqual([]);
  });

  it("has at most 14 files in a room", () => {
    const sizeOf = (room: string) => files.filter((file) => dirname(file) === room).length;
    const crowded = [...new Set(files.map(dirname))].filter((room) => sizeOf(room) > 14);
    expect(crowded.map((room) => `${relative(source, room)}: ${sizeOf(room)} files`)).toEqual([]);
  });

  it("has no file of more than 350 lines", () => {
    const long = files.filter((file) => readFileSync(file, "utf8").split("\n").length > 351);
    expect(long.map((file) => relative(source, file))).toEqual([]);
  });
});
