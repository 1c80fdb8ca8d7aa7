// The kernels of views by the real compiler: NVRTC needs no GPU. It is that of a libtorch with CUDA, or of a toolkit; where there is
// none this is skipped (`selfsight setup --libtorch cuda` brings one). What a card computes is not shown here.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../setup/cache.mjs";
import { builds, projectRoot } from "../setup/current.mjs";
import { compilerPaths } from "../src/torch/views.ts";

const folder = mkdtempSync(join(tmpdir(), "selfsight-nvrtc-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** In the libtorch of every build, in the cache, in a toolkit; the newest toolkit last. */
function realCompiler(): string | undefined {
  const cache = cacheFolder("libtorch");
  const fetched = existsSync(cache) ? readdirSync(cache).map((name) => join(cache, name, "torch", "lib")) : [];
  const ofBuilds = builds().map(({ libtorch }) => libtorch.lib);
  return [...ofBuilds, ...fetched].flatMap(compilerPaths).find((path) => existsSync(path));
}

const compiler = realCompiler();
const kernels = join(projectRoot, "native", "kernels");
const program = join(folder, "compile");
const names = ["fillWeights", "cropAndJitter", "finish", "blurWidth", "blurHeight"];

/** What NVRTC says of the kernels, followed by `source`, for one architecture; and the machine code. */
function compiled(architecture: string, source = "") {
  const code = join(folder, `${architecture}.cubin`);
  const { status, stdout, stderr } = spawnSync(program, [compiler!, architecture, kernels, code, source], {
    encoding: "utf8",
  });
  return { status, remarks: stdout.split("\n"), refusal: stderr, code };
}

/** Of each function: bytes of its stack frame, spilled and read again. Local memory lies as far away as all other memory. */
const localBytes = (remarks: string[]) =>
  remarks.filter((line) => line.includes("stack frame")).map((line) => line.match(/\d+(?= bytes)/g)!.map(Number));

describe.skipIf(compiler === undefined)(`the kernels by NVRTC (${compiler ?? "none is here"})`, () => {
  beforeAll(() => {
    const sources = [join(projectRoot, "test", "nvrtc", "compile.cc"), join(projectRoot, "native", "gpu-kernels.cc")];
    const flags = ["-std=c++17", "-I", join(projectRoot, "native"), "-Wno-unused-function", "-ldl"];
    execFileSync("g++", ["-o", program, ...sources, ...flags]);
  }, 120_000);

  it.each(["sm_80", "sm_90", "sm_100"])(
    "compile for %s without a warning, and nothing of them lies in local memory",
    (architecture) => {
      const { status, remarks, refusal, code } = compiled(architecture);
      expect([status, refusal]).toEqual([0, ""]);
      expect(remarks.filter((line) => line !== "" && !/^ptxas (info {4}:| {8}\.)/.test(line))).toEqual([]);
      expect(localBytes(remarks)).toEqual(names.map(() => [0, 0, 0]));
      const bytes = readFileSync(code);
      expect(bytes.subarray(1, 4).toString()).toBe("ELF");
      for (const name of names) expect(bytes.includes(`.text.${name}\0`)).toBe(true);
    },
    60_000,
  );

  it("would not pass with a warning, with local memory, or if structures lay otherwise there than here", () => {
    const warned = compiled("sm_90", "__device__ void odd() { int unused; }").remarks;
    expect(warned.join("\n")).toMatch(/warning.*never referenced/);
    const stack =
      "__global__ void far(int* p) { int a[64]; for (int i = 0; i < 64; i++) a[i] = p[p[i]]; for (int i = 0; i < 64; i++) a[a[i]] += i; p[1] = a[p[1]]; }";
    expect(localBytes(compiled("sm_90", stack).remarks)).toContainEqual([256, 0, 0]);
    const { status, refusal } = compiled("sm_90", 'static_assert(sizeof(views::Job) == 4, "host and device differ");');
    expect([status, refusal]).toEqual([
      1,
      expect.stringMatching(/views\.cu\(\d+\): error: static assertion failed .*host and device differ/),
    ]);
  }, 60_000);
});
