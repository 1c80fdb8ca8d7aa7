// The CUDA part of a libtorch and the driver's library, played by small libraries that are compiled here.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildFolder, projectRoot, readCurrentBuild } from "../setup/current.mjs";

const build = readCurrentBuild()!;
const folder = mkdtempSync(join(tmpdir(), "selfsight-cuda-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Registers hooks when it is opened, as the real one does, and counts three devices. */
const cudaPart = `
#include <ATen/detail/CUDAHooksInterface.h>
namespace {
struct CUDAHooks : at::CUDAHooksInterface {
  explicit CUDAHooks(at::CUDAHooksArgs) {}
  bool hasCUDA() const override { return true; }
  int getNumGPUs() const override { return 3; }
  std::string showConfig() const override { return "CUDA Runtime 13.0"; }
  c10::DeviceIndex deviceCount() const override { return 3; }
};
}
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks)
`;

const driver = `
#include <string.h>
extern "C" {
int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int* version) { *version = 13020; return 0; }
int cuDeviceGetCount(int* count) { *count = 1; return 0; }
int cuDeviceGet(int* device, int) { *device = 0; return 0; }
int cuDeviceGetName(char* name, int length, int) { strncpy(name, "Card of the test", length); return 0; }
int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = 1ull << 33; return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int) { *value = attribute == 75 ? 9 : 0; return 0; }
}
`;

function compile(source: string, output: string, flags: readonly string[] = []): void {
  writeFileSync(join(folder, "stub.cc"), source);
  execFileSync("g++", ["-shared", "-fPIC", "-o", output, join(folder, "stub.cc"), ...flags]);
}

/** A cache whose libtorch has the stub beside its other libraries. */
function cacheWithCudaPart(): string {
  const lib = join(folder, "lib");
  mkdirSync(lib);
  const others = readdirSync(build.libtorch.lib).filter((name) => name !== "libtorch_cuda.so");
  for (const name of others) symlinkSync(join(build.libtorch.lib, name), join(lib, name));
  const flags = ["-std=c++20", `-I${build.libtorch.include}`, `-L${lib}`, "-ltorch_cpu", "-lc10"];
  compile(cudaPart, join(lib, "libtorch_cuda.so"), flags);
  const own = join(folder, "cache", "selfsight", "addon", basename(buildFolder()));
  mkdirSync(own, { recursive: true });
  const current = { ...build, libtorch: { ...build.libtorch, lib } };
  writeFileSync(join(own, "current.json"), JSON.stringify(current));
  return join(folder, "cache");
}

const environment = () => ({ ...process.env, XDG_CACHE_HOME: join(folder, "cache"), LD_LIBRARY_PATH: folder });
const doctor = () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(projectRoot, "bin", "selfsight.mjs"), "doctor", "--json"],
    {
      encoding: "utf8",
      env: environment(),
    },
  );
  return JSON.parse(stdout || `"${stderr}"`);
};

test.skipIf(!build.libtorch.version.startsWith("2."))(
  "the CUDA part is opened before libtorch is asked for GPUs, and the driver's word stands beside it",
  () => {
    cacheWithCudaPart();
    compile(driver, join(folder, "libcuda.so.1"));
    const { devices, device, gpu, problem } = doctor();
    expect(problem).toBeNull();
    expect(devices).toEqual(["cpu", "cuda:0", "cuda:1", "cuda:2"]);
    expect(device).toBe("cuda");
    expect(gpu).toMatchObject({
      devices: [{ name: "Card of the test", memoryBytes: 2 ** 33, computeCapability: "9.0" }],
      problem: null,
    });
  },
  120_000,
);

test.skipIf(build.libtorch.cuda)("a GPU beside a libtorch for the processor is said", () => {
  const own = join(folder, "cache", "selfsight", "addon", basename(buildFolder()));
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "current.json"), JSON.stringify(build));
  compile(driver, join(folder, "libcuda.so.1"));
  const { devices, gpu } = doctor();
  expect(devices).toEqual(["cpu"]);
  expect(gpu.problem).toMatch(/built for the processor alone/);
});
