import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smallRun } from "../../../test/small-run.ts";
import { drawnPicture, putPictures } from "../../../test/work-pictures.ts";
import { alignments } from "./alignment.ts";
import { findDuplicates } from "./duplicates.ts";
import type { Duplicates } from "./find.ts";
import { Links } from "./groups.ts";
import { squaresOf } from "./squares.ts";

const parent = mkdtempSync(join(tmpdir(), "duplicates-"));
const photos = join(parent, "photos");
const planted = 10;
let run: string;
let found: Duplicates;

/** Copies of pictures 0 to 9 beside 30 others. */
beforeAll(async () => {
  run = smallRun(parent).folder;
  await putPictures(photos, 0, 40);
  for (let i = 0; i < planted; i++) {
    const name = (kind: string) => join(photos, `${String(i).padStart(3, "0")}-${kind}.jpg`);
    const open = () => drawnPicture(i);
    await (await open()).resize(72).jpeg({ quality: 90 }).toFile(name("resized"));
    await (await open()).jpeg({ quality: 40 }).toFile(name("recompressed"));
    await (await open()).flop().jpeg({ quality: 90 }).toFile(name("mirrored"));
    await (await open())
      .extract({ left: i % 12, top: i % 9, width: 108, height: 81 })
      .jpeg({ quality: 90 })
      .toFile(name("cropped"));
  }
  copyFileSync(join(photos, "030.png"), join(photos, "030-same.png"));
  await (await drawnPicture(31)).tiff({ compression: "lzw" }).toFile(join(photos, "031-pixels.tif"));
  found = await findDuplicates(run, photos, { precision: "fp32", out: join(parent, "found") });
}, 120_000);
afterAll(() => rmSync(parent, { recursive: true }));

const idOf = (name: string) => name.slice(0, 3);

describe("duplicates", () => {
  it("are found, 95 of 100 planted copies and more, and no other pair is", () => {
    const grouped = new Map(
      found.groups.flatMap(({ pictures }, group) => pictures.map(({ name }) => [name, group] as const)),
    );
    const kinds = ["resized", "recompressed", "mirrored", "cropped"];
    const copies = Array.from({ length: planted }, (_, i) =>
      kinds.map((kind) => `${String(i).padStart(3, "0")}-${kind}.jpg`),
    ).flat();
    const hits = copies.filter((name) => grouped.has(name) && grouped.get(name) === grouped.get(`${idOf(name)}.png`));
    expect(hits.length / copies.length).toBeGreaterThanOrEqual(0.95);
    const pairs = found.groups.flatMap(({ pictures }) =>
      pictures.flatMap((a, i) => pictures.slice(i + 1).map((b) => [a.name, b.name])),
    );
    const wrong = pairs.filter(([a, b]) => idOf(a!) !== idOf(b!));
    expect(wrong.length / pairs.length).toBeLessThanOrEqual(0.01);
  });

  it("say in what they are equal", () => {
    const likenessOf = (name: string) =>
      found.groups
        .flatMap(({ pictures }) => pictures)
        .filter((picture) => idOf(picture.name) === name)
        .map(({ likeness }) => likeness);
    expect(likenessOf("030")).toEqual([undefined, "same bytes"]);
    expect(likenessOf("031")).toEqual([undefined, "same pixels"]);
  });

  it("come with a threshold that their own copies set, and what may be expected of it", () => {
    const { threshold, copiesScore, strangersScore, found: share, falseShare } = found.calibration;
    expect(threshold).toBeGreaterThan(strangersScore);
    expect(threshold).toBeLessThan(copiesScore);
    expect(share).toBeGreaterThan(0.8); // a network without training, that brings fewer copies near
    expect(falseShare).toBe(0);
  });

  it("stand on a page that asks nobody for anything", () => {
    const html = readFileSync(join(parent, "found/duplicates.html"), "utf8");
    expect(html).toContain("000-mirrored.jpg");
    expect(html).not.toMatch(/https?:|<script|url\(/);
    expect(JSON.parse(readFileSync(join(parent, "found/duplicates.json"), "utf8")).groups).toHaveLength(
      found.groups.length,
    );
  });

  it("are fewer at a higher threshold, and a wrong one is refused", async () => {
    const strict = await findDuplicates(run, photos, { threshold: 1 });
    const kinds = strict.groups.flatMap(({ pictures }) => pictures.map(({ likeness }) => likeness));
    expect(kinds).toContain("same bytes"); // equal bytes need no score
    expect(kinds.length).toBeLessThan(10);
    await expect(findDuplicates(run, photos, { threshold: 2 })).rejects.toThrow(/threshold 2/);
  });

  it("are found in arrays too, and one picture alone has none", async () => {
    expect((await findDuplicates(run, "shapes", { limit: 30 })).groups).toEqual([]);
    expect((await findDuplicates(run, join(photos, "000.png"))).groups).toEqual([]);
  });
});

describe("the score", () => {
  it("is the correlation in float64 where nothing is cropped or mirrored, and nothing for a flat picture", async () => {
    const raw = async (number: number) => {
      const { data, info } = await (await drawnPicture(number))
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      return { pixels: new Uint8Array(data), width: info.width, height: info.height };
    };
    const flat = { pixels: new Uint8Array(3 * 40 * 40).fill(90), width: 40, height: 40 };
    const squares = await squaresOf([await raw(1), await raw(1), flat, flat]);
    const [same, none] = alignments({ left: { squares, rows: [0, 2] }, right: { squares, rows: [1, 3] } });
    expect([same! > 0.99, Math.abs(none!) < 1e-3]).toEqual([true, true]);
    const other = await squaresOf([await raw(2)]);
    const [score] = alignments({ left: { squares, rows: [0] }, right: { squares: other, rows: [0] } });
    expect(score).toBeGreaterThanOrEqual(correlation(squares.subarray(0, other.length), other) - 1e-4);
  });
});

/** Of the whole on the whole, with the same floor under the energies. */
function correlation(a: Uint8Array, b: Uint8Array): number {
  const mean = (values: Uint8Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [products, energyA, energyB] = [0, 4 * a.length, 4 * a.length];
  for (let i = 0; i < a.length; i++) {
    products += (a[i]! - meanA) * (b[i]! - meanB);
    energyA += (a[i]! - meanA) ** 2;
    energyB += (b[i]! - meanB) ** 2;
  }
  return products / Math.sqrt(energyA * energyB);
}

it("things that are linked, and those linked with them, are one group", () => {
  const links = new Links(7);
  for (const [a, b] of [
    [5, 3],
    [1, 2],
    [3, 1],
  ] as const)
    links.link(a, b);
  expect(links.groups()).toEqual([[1, 2, 3, 5]]);
});
