import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { putPictures } from "../../../test/work-pictures.ts";
import { findOutliers } from "./outliers.ts";

const parent = mkdtempSync(join(tmpdir(), "outliers-"));
const photos = join(parent, "photos");
beforeAll(async () => {
  await putPictures(photos, 0, 30, [255, 30, 30]);
  await putPictures(photos, 90, 1, [10, 10, 255]);
});
afterAll(() => rmSync(parent, { recursive: true }));

test("the one blue picture among red ones is named first, beyond the limit, with what is nearest to it", async () => {
  const { ranked, limit, median, neighbours } = await findOutliers("pixels", photos, {
    size: 16,
    neighbours: 5,
    out: join(parent, "found"),
  });
  expect(ranked[0]).toMatchObject({ name: "090.png", isOutlier: true });
  expect([ranked[0]!.distance > limit, limit > median, neighbours, ranked.length]).toEqual([true, true, 5, 31]);
  expect(ranked[0]!.nearest).toHaveLength(3);
  const ordered = ranked.map(({ distance }) => distance);
  expect(ordered).toEqual([...ordered].sort((a, b) => b - a));
});

test("what cannot be told is refused", async () => {
  await expect(findOutliers("pixels", join(photos, "000.png"), { size: 16 })).rejects.toMatchObject({
    kind: "data",
    message: /1 pictures; three or more/,
  });
  await expect(findOutliers("pixels", photos, { neighbours: 0 })).rejects.toThrow(/neighbours 0/);
});
