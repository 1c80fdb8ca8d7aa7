import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ImageFolder } from "../dataset.ts";
import { openDataset } from "./open.ts";

/** Enough that a listing is kept. */
const count = 100_000;
const perFolder = 10_000;
const longAgo = new Date(2020, 0, 1);

let folder: string;
let root: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kept-listing-"));
  root = join(folder, "photos");
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  const pixels = { width: 2, height: 2, channels: 3, background: "red" } as const;
  const picture = await sharp({ create: pixels }).png().toBuffer();
  for (let place = 0; place < count; place++) {
    const own = join(root, `c${Math.floor(place / perFolder)}`);
    if (place % perFolder > 0) linkSync(join(own, "0.png"), join(own, `${place % perFolder}.png`));
    else {
      mkdirSync(own, { recursive: true });
      writeFileSync(join(own, "0.png"), picture);
    }
  }
  writeFileSync(join(root, "c3", "notes.txt"), "no picture");
}, 120_000);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** As if nothing had changed for years: a folder that is young may change again without showing it. */
function age(): void {
  for (const name of ["", ...readdirSync(root)])
    if (!name.includes(".")) utimesSync(join(root, name), longAgo, longAgo);
}

const opened = async (): Promise<ImageFolder> => (await openDataset(root)) as ImageFolder;
const listings = () => join(folder, "cache", "selfsight", "listings");
const listing = () => join(listings(), readdirSync(listings())[0]!);
/** Whether the listing that was kept is used: its time says when that was last, and it is not written anew. */
async function usesListing(): Promise<boolean> {
  utimesSync(listing(), longAgo, longAgo);
  await opened();
  const [only, ...others] = readdirSync(listings());
  expect(others).toEqual([]);
  return (
    statSync(join(listings(), only!)).mtimeMs > longAgo.getTime() && statSync(join(listings(), only!)).ino === kept
  );
}
let kept = 0;

test("a listing of very many pictures is kept, used while nothing changes, and made anew where something does", {
  timeout: 120_000,
}, async () => {
  await opened();
  expect(() => listing()).toThrow(); // the folders are too young to be believed
  age();
  const first = await opened();
  kept = statSync(listing()).ino;
  expect(await usesListing()).toBe(true);
  const { files, ...facts } = await opened();
  const { files: filesBefore, ...before } = first;
  expect(facts).toEqual(before);
  expect(facts.skipped).toEqual([{ label: "c3/notes.txt", reason: "not a picture by its first bytes" }]);
  for (const place of [0, 1, 12_345, count - 1]) expect(files.at(place)).toEqual(filesBefore.at(place));
  expect([files.length, files.at(count)]).toEqual([count, undefined]);

  linkSync(join(root, "c9", "0.png"), join(root, "c9", "new.png"));
  expect((await opened()).length).toBe(count + 1);
  rmSync(join(root, "c9", "new.png"));
  age();
  expect((await opened()).length).toBe(count);

  writeFileSync(join(root, "c0", "0.png"), Buffer.concat([Buffer.from("GIF89a"), Buffer.alloc(500)])); // a tenth are links to it
  expect((await opened()).files.at(0)!.bytes).toBe(506);

  truncateSync(listing(), 1000);
  expect((await opened()).length).toBe(count);
  expect(statSync(listing()).size).toBeGreaterThan(count);
});
