import { expect, it } from "vitest";
import { tinySettings } from "../../test/tiny-run.ts";
import type { Team } from "../distributed/index.ts";
import { refuseUnfitTeam } from "./run/start.ts";
import { resolveSettings } from "./settings/settings.ts";
import { preparedByLeader } from "./together.ts";

it("refuses other pictures than those of process 0", async () => {
  const told = { folder: "run", settings: tinySettings({ limit: 40 }), data: "shapes", fingerprint: "0".repeat(64) };
  const team = { rank: 2, byLeader: async () => told, sum: () => 0 } as unknown as Team;
  const prepare = () => Promise.reject(new Error("only the leader prepares"));
  await expect(preparedByLeader(team, prepare)).rejects.toMatchObject({
    kind: "data",
    message: expect.stringMatching(
      /^process 2: the pictures of shapes are other ones here than in process 0 \(40 images;/,
    ),
  });
});

it("refuses batches that cannot be shared out", () => {
  expect(() => refuseUnfitTeam(tinySettings(), 9)).toThrow(/a batch of 8 for 9 processes/);
  expect(() => refuseUnfitTeam(resolveSettings({ microBatch: 64 }), 2)).not.toThrow();
  expect(() => refuseUnfitTeam(resolveSettings({ microBatch: 64 }), 3)).toThrow(/3 processes/);
  expect(() => refuseUnfitTeam(resolveSettings({ microBatch: 64 }))).not.toThrow();
});
