// The API pages can be made, and miss no type that a public name mentions: what a caller must write down is exported.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

test("every type that a public name mentions is public too", { timeout: 120_000 }, () => {
  const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
  const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, "--emit", "none"], {
    cwd: root,
    encoding: "utf8",
  });
  expect([status, stdout + stderr]).toEqual([0, ""]);
});
