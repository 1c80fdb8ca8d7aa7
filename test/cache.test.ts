// Where downloads are kept, for users with a home and without one.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { cacheFolder } from "../setup/cache.mjs";

let temporary = "";
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "selfsight-cache-"));
  vi.stubEnv("XDG_CACHE_HOME", undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  rmSync(temporary, { recursive: true });
});

function pretend(name: "homedir" | "tmpdir", answer: () => string): void {
  vi.spyOn(os, name).mockImplementation(answer as typeof os.homedir);
  syncBuiltinESMExports();
}

it("is below XDG_CACHE_HOME, else below the home", () => {
  pretend("homedir", () => "/home/a");
  expect(cacheFolder("datasets")).toBe("/home/a/.cache/selfsight/datasets");
  vi.stubEnv("XDG_CACHE_HOME", "/cache");
  expect(cacheFolder("datasets")).toBe("/cache/selfsight/datasets");
});

it("is a closed folder of one's own in the temporary one where there is no home, which is said once", () => {
  pretend("homedir", () => {
    throw new Error("uv_os_homedir returned ENOENT");
  });
  pretend("tmpdir", () => temporary);
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  const own = join(temporary, `selfsight-${process.getuid!()}`);
  expect(cacheFolder("datasets")).toBe(join(own, "selfsight", "datasets"));
  expect(cacheFolder("libtorch")).toBe(join(own, "selfsight", "libtorch"));
  expect(said.mock.calls).toEqual([[expect.stringMatching(/no home; .* is kept in .*; set XDG_CACHE_HOME/)]]);
  expect(statSync(own).mode & 0o777).toBe(0o700);
});

it("is never a folder that another user has made", async () => {
  vi.resetModules();
  const { cacheFolder } = await import("../setup/cache.mjs");
  pretend("homedir", () => "");
  pretend("tmpdir", () => temporary);
  vi.spyOn(console, "error").mockImplementation(() => {});
  const another = process.getuid!() + 1;
  vi.spyOn(process as { getuid(): number }, "getuid").mockReturnValue(another);
  expect(cacheFolder("libtorch")).toMatch(new RegExp(`/selfsight-${another}-\\w{6}/selfsight/libtorch$`));
});
