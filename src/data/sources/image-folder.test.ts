import { execFileSync } from "node:child_process";
import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openImageFolder } from "./image-folder.ts";
import { openDataset } from "./open.ts";

let root = "";
let png: Buffer;
beforeAll(async () => {
  png = await sharp({ create: { width: 3, height: 2, channels: 3, background: "red" } })
    .png()
    .toBuffer();
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "selfsight-folder-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = async (...names: (string | Buffer)[]) => {
  for (const name of names) await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]), png);
};
const labels = async () => Array.from((await openImageFolder(root, "it")).files, ({ label }) => label);
const reasons = async () =>
  Object.fromEntries((await openImageFolder(root, "it")).skipped.map(({ label, reason }) => [label, reason]));

test("pictures are found by content, in byte-wise order, and the rest is skipped with its reason", async () => {
  await put("b.png", "a", "C.PNG", "wrong.jpg");
  await writeFile(join(root, "empty.png"), "");
  await writeFile(join(root, "drawing.png"), "<svg xmlns='http://www.w3.org/2000/svg'/>");
  await writeFile(join(root, "old.png"), "BM123456");
  await mkdir(join(root, "folder.jpg"));
  expect(await labels()).toEqual(["C.PNG", "a", "b.png", "wrong.jpg"]);
  expect(await reasons()).toEqual({
    "empty.png": "empty file",
    "drawing.png": "an SVG or XML file, which is not read",
    "old.png": "not a picture by its first bytes",
  });
});

test("odd names are opened by their bytes and shown escaped", async () => {
  const invalid = Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x70]);
  await put(
    "new\nline",
    "tab\t",
    "esc\u001b[31m",
    "quote\"'",
    "-rf",
    "🦝",
    "..png",
    "<img onerror=x>",
    "\u00e9",
    "e\u0301",
    invalid,
  );
  const folder = await openImageFolder(root, "it");
  expect(folder.length).toBe(10); // all but the hidden one
  const shown = Array.from(folder.files, ({ label }) => label);
  expect(shown).toContain("new\\x0aline");
  expect(shown).toContain("esc\\x1b[31m");
  expect(shown).toContain("f\\xff\\xfe.p");
  expect(shown).toContain("🦝");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be shown
  for (const label of shown) expect(label).not.toMatch(/[\u0000-\u001f]/);
  expect(Array.from(folder.files).some(({ path }) => Buffer.from(path).includes(invalid))).toBe(true);
});

test("links cannot lead in circles; each folder is read once, dangling links are counted", async () => {
  await mkdir(join(root, "a"));
  await put("a/x.png");
  await symlink("..", join(root, "a", "up"));
  await symlink("a", join(root, "b"));
  await symlink("self", join(root, "self"));
  await symlink("nowhere", join(root, "gone.png"));
  await symlink("a/x.png", join(root, "y.png"));
  await link(join(root, "a", "x.png"), join(root, "hard.png"));
  expect(await labels()).toEqual(["a/x.png", "hard.png", "y.png"]);
  expect(await reasons()).toEqual({
    "a/up": "link to a folder that is read already",
    b: "link to a folder that is read already",
    "gone.png": "link leads nowhere (ENOENT)",
    self: "link leads nowhere (ELOOP)",
  });
});

test("a FIFO is never opened", async () => {
  await put("x.png");
  execFileSync("mkfifo", [join(root, "pipe.jpg")]);
  expect(await labels()).toEqual(["x.png"]);
  expect(await reasons()).toEqual({ "pipe.jpg": "FIFO, never opened" });
});

test("hidden files and folders of the system are left out and counted", async () => {
  for (const name of ["cats", "@eaDir", "@eaDir/0.jpg", "__MACOSX"]) await mkdir(join(root, name));
  await put("cats/0.jpg", "cats/.hidden.jpg", "cats/._0.jpg", "@eaDir/0.jpg/thumb.jpg", "__MACOSX/0.jpg");
  const folder = await openImageFolder(root, "it");
  expect([folder.length, folder.classes]).toEqual([1, ["cats"]]);
  expect(await reasons()).toEqual({
    "@eaDir": "folder of the system",
    __MACOSX: "folder of the system",
    "cats/.hidden.jpg": "hidden file",
    "cats/._0.jpg": "hidden file",
  });
});

test("a stray picture beside class folders does not take the labels away", async () => {
  for (const name of ["cats", "dogs"]) await mkdir(join(root, name));
  for (let i = 0; i < 8; i++) await put(`cats/${i}.jpg`, `dogs/${i}.jpg`);
  await put("cover.jpg");
  const folder = await openImageFolder(root, "it");
  expect([folder.length, folder.classes]).toEqual([16, ["cats", "dogs"]]);
  expect(folder.skipped).toEqual([{ label: "cover.jpg", reason: "a picture beside the class folders" }]);
});

test("hidden folders are passed over", async () => {
  await mkdir(join(root, ".cache"));
  await put("x.png", ".cache/y.png");
  expect(await labels()).toEqual(["x.png"]);
});

test.skipIf(process.getuid?.() === 0)("an unreadable folder or file is named", async () => {
  await mkdir(join(root, "closed"));
  await put("x.png", "y.png");
  await chmod(join(root, "closed"), 0);
  await chmod(join(root, "y.png"), 0);
  expect(await reasons()).toEqual({ closed: "folder cannot be read (EACCES)", "y.png": "cannot be read (EACCES)" });
  await chmod(join(root, "closed"), 0o700);
});

test("no pictures: the folder, what is read and what was found instead are said", async () => {
  await expect(openImageFolder(root, "it")).rejects.toThrow(/no pictures, nothing found; JPEG .*point to a folder/);
  await writeFile(join(root, "a.txt"), "hello");
  await writeFile(join(root, "b.png"), "");
  await expect(openImageFolder(root, "it")).rejects.toThrow(
    /no pictures, but 2 other files or folders: not a picture by its first bytes: a.txt; empty file: b.png; JPEG/,
  );
  await expect(openImageFolder(join(root, "missing"), "it")).rejects.toThrow(/cannot be read \(ENOENT\)/);
});

test("labels are the first-level folders, none where many pictures lie in the root", async () => {
  for (const name of ["cat", "dog", "empty"]) await mkdir(join(root, name));
  await mkdir(join(root, "cat", "black"));
  await put("cat/a.png", "cat/black/b.png", "dog/c.png");
  const folder = await openImageFolder(root, "it");
  expect(folder.classes).toEqual(["cat", "dog"]);
  expect([...folder.labels!]).toEqual([0, 0, 1]);
  await put("loose.png");
  expect((await openImageFolder(root, "it")).labels).toBeUndefined();
});

test("the fingerprint is of names and sizes, wherever the folder lies", async () => {
  await put("a.png", "b.png");
  const { fingerprint } = await openImageFolder(root, "it");
  const moved = `${root}-moved`;
  await rename(root, moved);
  root = moved;
  expect((await openImageFolder(root, "other")).fingerprint).toBe(fingerprint);
  await put("c.png");
  expect((await openImageFolder(root, "it")).fingerprint).not.toBe(fingerprint);
});

test.each([
  ["train", "valid"],
  ["train", "validation"],
  ["Train", "Test"],
  ["train", "val"],
])("a folder with %s and %s is divided by them", async (train, held) => {
  for (const split of [train, held])
    for (const kind of ["cats", "dogs"]) {
      await mkdir(join(root, split, kind), { recursive: true });
      await put(`${split}/${kind}/${split}.png`);
    }
  for (const [split, folder] of [
    ["train", train],
    ["test", held],
  ] as const) {
    const dataset = await openDataset(root, { split });
    expect(dataset.kind === "folder" && Array.from(dataset.files, ({ label }) => label)).toEqual([
      `cats/${folder}.png`,
      `dogs/${folder}.png`,
    ]);
    expect(dataset.classes).toEqual(["cats", "dogs"]);
  }
});
