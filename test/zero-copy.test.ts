import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("memory that is lent and borrowed lives as long as either side, and no longer", () => {
  const flags = ["--expose-gc", "--import", "jiti/register"];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, "test/zero-copy.ts"], {
    encoding: "utf8",
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr });
  expect(JSON.parse(stdout)).toMatchObject({ live: 0, bytes: 0 });
});
