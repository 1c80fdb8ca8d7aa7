import { afterAll, expect, it } from "vitest";
import { scratchFolder, tinyData, tinySettings } from "../../../test/tiny-run.ts";
import type { PartialSettings } from "../settings/settings.ts";
import { refuseUnfitTeam, startRun } from "./start.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const refusalFor = (images: number, settings: PartialSettings) => {
  const options = { out: scratch.next(), command: "test", warn: () => {} };
  return startRun(tinyData(1, images), [tinySettings(settings)], options).then(
    () => "none",
    (error: Error) => error.message,
  );
};

it("advises a smaller batch only where one can be followed and teaches something", async () => {
  const needed = "at least one whole batch is needed; ";
  expect(await refusalFor(20, { batchSize: 32 })).toBe(
    `pretrain: noise has 20 images, a batch takes 32; ${needed}use --batch 20 or add images`,
  );
  for (const [images, found] of [
    [1, "1 image,"],
    [2, "2 images,"],
  ] as const)
    expect(await refusalFor(images, { batchSize: 8 })).toBe(
      `pretrain: noise has ${found} a batch takes 8; ${needed}add images: hundreds are needed to learn from, and a batch of at least 16`,
    );
  expect(await refusalFor(1, { batchSize: 2 })).toMatch(/add images/);
  const grouped = { method: "moco-v2", batchNormGroups: 16, queueLength: 64, batchSize: 64 } as const;
  expect(await refusalFor(20, grouped)).toMatch(/a batch of at least 32$/);
  expect(await refusalFor(40, grouped)).toMatch(/use --batch 40/);
});

it("shares a micro-batch out to processes in equal parts only", () => {
  const settings = tinySettings({ batchSize: 12, microBatch: 6 });
  expect(() => refuseUnfitTeam(settings, 3)).not.toThrow();
  expect(() => refuseUnfitTeam(settings, 4)).toThrow(
    /microBatch 6 for 4 processes; .*; give a multiple of 4 that divides 12/,
  );
});
