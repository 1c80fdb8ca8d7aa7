// The kernels of views without a GPU: driver and NVRTC are played by small libraries (test/played-gpu), which run the very source
// that the addon hands to NVRTC. What is not shown here is a real card's rounding and speed.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { projectRoot } from "../setup/current.mjs";
import { compilerPaths } from "../src/torch/views.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-gpu-views-"));
afterAll(() => rmSync(folder, { recursive: true }));
const source = (name: string) => join(projectRoot, "test", "played-gpu", name);
const compiler = join(folder, "libnvrtc.so");

beforeAll(() => {
  const build = (name: string, output: string) =>
    execFileSync("g++", [
      "-shared",
      "-fPIC",
      "-std=c++17",
      `-DPLAYED_DEVICE="${source("device.h")}"`,
      "-o",
      output,
      source(name),
      "-ldl",
    ]);
  build("driver.cc", join(folder, "libcuda.so.1"));
  build("nvrtc.cc", compiler);
}, 60_000);

/** A process that finds the played driver. */
const run = (script: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, ["--import", "jiti/register", ...script], {
    cwd: projectRoot,
    encoding: "utf8",
    env: { ...process.env, LD_LIBRARY_PATH: folder, PLAYED_FOLDER: folder, ...environment },
  });

/** What opening the kernels answers, in a process of its own. */
const problem = (path: string, environment: NodeJS.ProcessEnv = {}, place = 0): string =>
  run([source("open.ts"), String(place), path], environment).stdout.trim();

test("on a played GPU the kernels' views are those of the tensor operations", () => {
  const { stdout, stderr, status } = run([source("views.ts"), compiler]);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const { calls, largest, sameBits, callsForBits } = JSON.parse(stdout);
  expect(calls).toBe(60);
  expect(largest).toBeLessThan(1e-5);
  expect([sameBits, callsForBits]).toEqual([15, 60]); // resident and carried, to the bit
}, 120_000);

test("what is missing is said", () => {
  expect(problem(compiler)).toBe("open");
  expect(problem(join(folder, "none.so"))).toMatch(/^NVRTC, which compiles them, is not found/);
  expect(problem(compiler, { PLAYED_NVRTC_FAILS: "1" })).toBe(
    "NVRTC does not compile them for sm_90: views.cu(7): error: the test says so",
  );
  expect(problem(compiler, { PLAYED_DRIVER_FAILS: "1" })).toBe("the GPU's driver answers CUDA_ERROR_UNKNOWN to cuInit");
  expect(problem(compiler, {}, 3)).toBe("the GPU's driver answers CUDA_ERROR to cuDeviceGet");
  if (!existsSync("/proc/driver/nvidia/version"))
    expect(problem(compiler, { LD_LIBRARY_PATH: "" })).toBe("the GPU driver's library libcuda.so.1 is not found");
}, 120_000);

test("NVRTC is looked for beside libtorch, then in the wheel's packages, then by the loader", () => {
  const lib = join(folder, "site", "torch", "lib");
  const packages = ["cuda_nvrtc", "cu13"].map((name) => join(folder, "site", "nvidia", name, "lib"));
  for (const path of [lib, ...packages]) mkdirSync(path, { recursive: true });
  const files = [
    join(lib, "libnvrtc-672ee683.so.11.2"),
    join(packages[1]!, "libnvrtc.so.13"),
    join(packages[0]!, "libnvrtc.so.12"),
  ];
  for (const path of [...files, join(packages[0]!, "libnvrtc-builtins.so.12.8")]) writeFileSync(path, "");
  expect(compilerPaths(lib).filter((path) => path.startsWith(folder))).toEqual(files);
  expect(compilerPaths(lib)).toContain("libnvrtc.so.13");
});
