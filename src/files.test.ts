import fs, { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { scratchFolder } from "../test/tiny-run.ts";
import { createFileDurably, makeFolder, storageError, writeFileDurably } from "./files.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);
let folder = "";
beforeEach(() => {
  folder = scratch.next();
  mkdirSync(folder);
});

it("replaces a file whole, and leaves it alone when it cannot", () => {
  const path = join(folder, "a");
  writeFileDurably(path, "old");
  writeFileDurably(path, [Buffer.from("n"), Buffer.from("ew")]);
  expect(readFileSync(path, "utf8")).toBe("new");
  const breaking = (function* () {
    yield Buffer.from("half");
    throw Object.assign(new Error("boom"), { code: "EIO" });
  })();
  expect(() => writeFileDurably(path, breaking)).toThrow(/^write: .*a: boom; the disk reported an error/);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(readdirSync(folder)).toEqual(["a"]);
});

it("writes what a system call left over: it may take less than it is given", () => {
  const write = fs.writeSync;
  vi.spyOn(fs, "writeSync").mockImplementation(((file: number, bytes: Buffer, offset: number, length: number) =>
    write(file, bytes, offset, Math.min(3, length))) as typeof fs.writeSync);
  syncBuiltinESMExports();
  try {
    writeFileDurably(join(folder, "a"), "eleven byte");
  } finally {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  }
  expect(readFileSync(join(folder, "a"), "utf8")).toBe("eleven byte");
});

it("creates a file only where none stands", () => {
  const path = join(folder, "a");
  expect([createFileDurably(path, "first"), createFileDurably(path, "second")]).toEqual([true, false]);
  expect(readFileSync(path, "utf8")).toBe("first");
  expect(readdirSync(folder)).toEqual(["a"]);
});

it("makes folders below folders, and says when a part of the path is a file", () => {
  makeFolder(join(folder, "x", "y"));
  makeFolder(join(folder, "x", "y"));
  expect(readdirSync(join(folder, "x"))).toEqual(["y"]);
  writeFileSync(join(folder, "file"), "");
  const refused = expect.objectContaining({
    exitCode: 4,
    message: expect.stringContaining("a part of the path is a file"),
  });
  expect(thrownBy(() => makeFolder(join(folder, "file", "z")))).toEqual(refused);
});

it("gives advice for what it knows, and a sentence for what it does not", () => {
  const of = (code: string) =>
    storageError("save", "/x", Object.assign(new Error(`${code}: so it is`), { code })).message;
  for (const code of ["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EIO", "ENOTDIR", "ENOENT", "EMFILE"])
    expect(of(code)).not.toContain("check the path and the disk");
  expect(of("EODD")).toBe("save: /x: EODD: so it is; check the path and the disk");
});

function thrownBy(body: () => void): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
}
