// NCCL without a GPU: where its part is compiled, that it opens, and when it is chosen. What it computes is not shown here.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { cudaHeaders } from "../setup/addon.mjs";
import { cudaAddon, projectRoot, readCurrentBuild } from "../setup/current.mjs";
import { freePort } from "../src/cli/processes/start.ts";
import { addon } from "../src/torch/addon.ts";

const build = readCurrentBuild()!;
const folder = mkdtempSync(join(tmpdir(), "selfsight-nccl-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the part for NCCL is compiled where CUDA's headers lie beside libtorch, and it opens", () => {
  const part = join(dirname(build.addonPath), cudaAddon);
  expect(existsSync(part)).toBe(cudaHeaders(build.libtorch).length > 0);
  if (existsSync(part)) addon().loadLibrary(part);
});

test("the headers must be there whole, beside a libtorch with CUDA", () => {
  const root = join(folder, "site", "torch");
  const put = (name: string) => {
    const path = join(folder, "site", "nvidia", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  };
  mkdirSync(root, { recursive: true });
  for (const name of [
    "cuda_runtime.h",
    "crt/host_config.h",
    "cccl/nv/target",
    "cublas_v2.h",
    "cusolverDn.h",
    "cusparse.h",
  ])
    put(join("cu13", "include", name));
  expect(cudaHeaders({ root, cuda: true })).toEqual([]);
  put("nccl/include/nccl.h");
  const found = ["cu13/include", "cu13/include/cccl", "nccl/include"].map((name) =>
    join(folder, "site", "nvidia", name),
  );
  expect(cudaHeaders({ root, cuda: true })).toEqual(found);
  expect(cudaHeaders({ root, cuda: false })).toEqual([]);
});

describe.skipIf(!addon().openStore)("of two processes", () => {
  const played = join(folder, "played-nccl.so");
  beforeAll(() => {
    const source = join(projectRoot, "test", "played-gpu", "nccl.cc");
    const headers = [join(projectRoot, "native"), build.libtorch.include];
    const flags = ["-shared", "-fPIC", "-std=c++20", ...headers.map((name) => `-I${name}`)];
    const { lib } = build.libtorch;
    const linked = [`-L${lib}`, `-Wl,-rpath,${lib}`, "-lc10", "-ltorch_cpu"]; // the addon keeps its libtorch to itself
    execFileSync("g++", [...flags, "-o", played, source, ...linked]);
  }, 300_000);

  /** What both print: whether NCCL was chosen, and 1 + 2. */
  async function chosen(devices: readonly string[], gpus: readonly string[], parts = [played, played]) {
    const port = await freePort();
    const script = join(projectRoot, "test", "played-gpu", "nccl-member.ts");
    const outputs = devices.map(async (device, rank) => {
      const words = ["--import", "jiti/register", script, `${rank}`, `${port}`, device, parts[rank]!];
      const child = spawn(process.execPath, words, {
        cwd: projectRoot,
        env: { ...process.env, PLAYED_GPU: gpus[rank], OMP_NUM_THREADS: "1" },
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      child.stdout.on("data", (text: Buffer) => (said += text.toString()));
      await once(child, "close");
      return JSON.parse(said);
    });
    return Promise.all(outputs);
  }

  const both = (usesNccl: boolean) => [
    [usesNccl, 3],
    [usesNccl, 3],
  ];

  it("each with a GPU of its own, both take NCCL; what lies in host memory travels by Gloo all the same", async () => {
    expect(await chosen(["cuda", "cuda:1"], ["a", "a"])).toEqual(both(true));
    expect(await chosen(["cuda", "cuda"], ["a", "b"])).toEqual(both(true));
  }, 120_000);

  it("with one GPU for both, or none, or one without the part, both stay with Gloo", async () => {
    expect(await chosen(["cuda", "cuda"], ["a", "a"])).toEqual(both(false));
    expect(await chosen(["cpu", "cpu"], ["a", "b"])).toEqual(both(false));
    expect(await chosen(["cuda", "cuda"], ["a", "b"], [played, ""])).toEqual(both(false));
  }, 180_000);
});
