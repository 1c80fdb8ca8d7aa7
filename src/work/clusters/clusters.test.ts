import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labelledClusters } from "../../../test/labelled-clusters.ts";
import { putPictures } from "../../../test/work-pictures.ts";
import { embedToIndex } from "../embeddings/embed-folder.ts";
import { centred } from "../results/centred.ts";
import { chooseK, silhouette } from "./choose-k.ts";
import { clusterPictures } from "./clusters.ts";
import { kMeans } from "./k-means.ts";

const parent = mkdtempSync(join(tmpdir(), "clusters-"));
const photos = join(parent, "photos");
beforeAll(async () => {
  await putPictures(photos, 0, 12, [255, 20, 20]);
  await putPictures(photos, 12, 9, [20, 255, 20]);
  await putPictures(photos, 21, 6, [20, 20, 255]);
});
afterAll(() => rmSync(parent, { recursive: true }));

const known = labelledClusters({ classes: 5, perClass: 40, dimensions: 16, distance: 6 });

/** Whether two numberings of the same things make the same groups. */
const isSameGrouping = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  new Set(Array.from(a, (own, i) => `${own} ${b[i]}`)).size === new Set(Array.from(a)).size;

test("k-means finds the groups that there are, the same ones each time", () => {
  const found = kMeans(known, 5);
  expect(isSameGrouping(known.labels, found.clusters)).toBe(true);
  expect(kMeans(known, 5)).toEqual(found);
  expect([found.cohesion > 0.8, silhouette(found) > 0.8]).toEqual([true, true]);
});

test("each row is with the centre that it points most nearly to, recomputed in float64", () => {
  const { centres, clusters, similarities, nextSimilarities, k } = kMeans(known, 7, 3);
  expect(new Set(clusters).size).toBe(7); // none runs empty
  const { dimensions } = known;
  for (const row of [0, 17, 199]) {
    const own = known.values.subarray(row * dimensions, (row + 1) * dimensions);
    const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    const cosines = Array.from(
      { length: k },
      (_, c) => own.reduce((sum, value, d) => sum + value * centres[c * dimensions + d]!, 0) / length,
    );
    const [best, second] = [...cosines].sort((a, b) => b - a);
    expect(cosines.indexOf(best!)).toBe(clusters[row]);
    expect([similarities[row], nextSimilarities[row]]).toEqual([expect.closeTo(best!, 5), expect.closeTo(second!, 5)]);
  }
});

test("the number of groups is the one with the largest silhouette", () => {
  const { k, tried } = chooseK(centred(known));
  expect(k).toBe(5);
  expect(Math.max(...tried.map((own) => own.silhouette))).toBe(tried.find((own) => own.k === 5)!.silhouette);
});

test("equal rows make no trouble", () => {
  const same = { values: new Float32Array(12).fill(1), length: 6, dimensions: 2 };
  expect(kMeans(same, 2).clusters).toHaveLength(6);
});

test("pictures of three colours are three groups, on a page too", async () => {
  const found = await clusterPictures("pixels", photos, { k: 3, size: 16, out: join(parent, "found") });
  const kinds = found.clusters.map(({ pictures }) =>
    pictures.map(({ name }) => (name < "012" ? 0 : name < "021" ? 1 : 2)),
  );
  expect(kinds.map((own) => [own.length, new Set(own).size])).toEqual([
    [12, 1],
    [9, 1],
    [6, 1],
  ]);
  const html = readFileSync(join(parent, "found/clusters.html"), "utf8");
  expect(html).not.toMatch(/https?:|<script|url\(/);
  expect(html).toContain("Group 2: 6 pictures");
  await expect(clusterPictures("pixels", photos, { k: 90, size: 16 })).rejects.toMatchObject({
    kind: "data",
    message: /27 pictures, 90 groups/,
  });
});

test("an index of the pictures gives the same groups; one of another network, or of fewer pictures, is refused", async () => {
  const index = join(parent, "index.npy");
  await embedToIndex("pixels", photos, index, { split: "all", size: 16 });
  const options = { k: 3, size: 16 };
  const found = await clusterPictures("pixels", photos, options);
  expect(await clusterPictures("pixels", photos, { ...options, index })).toEqual(found);
  expect((await clusterPictures("pixels", photos, { ...options, index, limit: 20 })).pictures).toBe(20);
  await expect(clusterPictures("pixels", photos, { k: 3, size: 8, index })).rejects.toThrow(
    /made with .*vectors of one network are needed/,
  );
  await putPictures(photos, 27, 1, [90, 90, 90]);
  await expect(clusterPictures("pixels", photos, { ...options, index })).rejects.toThrow(
    /1 of 28 pictures are not in it, such as .*run `selfsight embed` again/,
  );
});
