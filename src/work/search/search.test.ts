import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tarOf } from "../../../test/drawn-archives.ts";
import { smallRun } from "../../../test/small-run.ts";
import { putPictures } from "../../../test/work-pictures.ts";
import { embedToIndex } from "../embeddings/embed-folder.ts";
import { loadIndex } from "../embeddings/picture-index.ts";
import { openRun } from "../model.ts";
import { writeSearch } from "./page.ts";
import { searchIndex } from "./search.ts";

const parent = mkdtempSync(join(tmpdir(), "search-"));
const photos = join(parent, "photos");
const hostile = `"><img src=x onerror=alert(1)>.png`;
const file = join(parent, "photos.safetensors");
let run: string;

beforeAll(async () => {
  run = smallRun(parent).folder;
  await putPictures(photos, 0, 12);
  renameSync(join(photos, "003.png"), join(photos, hostile));
  await embedToIndex(run, photos, file, { precision: "fp32" });
});
afterAll(() => rmSync(parent, { recursive: true }));

test("finds what nearest finds, for several pictures at once, with the network that made the index", async () => {
  const queries = ["000.png", "007.png"].map((name) => join(photos, name));
  const { queries: found } = await searchIndex(file, queries, { count: 4, precision: "fp32" });
  const index = await loadIndex(file);
  const model = openRun(run, { precision: "fp32" });
  for (const { query, nearest } of found) {
    const expected = index.nearest(await model.embed(query), 4);
    expect(nearest.map(({ name }) => name)).toEqual(expected.map(({ name }) => name));
    expect(nearest[0]).toMatchObject({ name: query.slice(-7), similarity: expect.closeTo(1, 4) });
  }
  model.free();
});

test("refuses another network, another state of it and another way of reading", async () => {
  const other = smallRun(join(parent, "other"), { seed: 12 }).folder;
  const query = [join(photos, "000.png")];
  await expect(searchIndex(file, query, { network: other })).rejects.toMatchObject({
    kind: "checkpoint",
    message: expect.stringMatching(/trunk [0-9a-f]{12}\), this is .*vectors of two networks/),
  });
  const smaller = openRun(run, { size: 16 });
  await expect(searchIndex(file, query, { network: smaller })).rejects.toThrow(/vectors of two networks/);
  smaller.free();
  expect((await searchIndex(file, query, { network: run, count: 1 })).queries[0]!.nearest).toHaveLength(1);
});

test("its page shows the pictures, escapes their names and asks nobody for anything", async () => {
  const { page, json } = await writeSearch(
    join(parent, "found"),
    await searchIndex(file, [join(photos, "000.png")], { count: 12 }),
  );
  const html = readFileSync(page, "utf8");
  expect(html.match(/src="data:image\/(jpeg|png);base64,/g)).toHaveLength(13);
  expect(html).not.toMatch(/https?:|<script|url\(|@import|<img src=x/);
  expect(html).toContain("&quot;&gt;&lt;img src=x onerror=alert(1)&gt;.png");
  expect(JSON.parse(readFileSync(json, "utf8")).queries[0].nearest).toHaveLength(12);
});

test("pictures of an archive are shown out of the archive", async () => {
  const members = readdirSync(photos).map((name) => ({ name, bytes: readFileSync(join(photos, name)) }));
  const archive = join(parent, "photos.tar");
  writeFileSync(archive, tarOf(...members));
  const index = join(parent, "archive.npy");
  await embedToIndex(run, archive, index, { precision: "fp32" });
  const found = await searchIndex(index, [join(photos, "000.png")], { count: 5 });
  const { page } = await writeSearch(join(parent, "found-in-archive"), found);
  expect(readFileSync(page, "utf8").match(/src="data:image/g)).toHaveLength(6);
});
