// What a run says when memory runs out: a child process whose address space is closed behind it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { projectRoot } from "../setup/current.mjs";
import { engineError } from "../src/torch/operators.ts";
import { scratchFolder } from "./tiny-run.ts";

const scratch = scratchFolder();
afterAll(scratch.remove);

const settings = { size: 32, width: 16, projector: "16-16", steps: 1, device: "cpu", precision: "fp32" };

/** About one run in 30 meets V8 without the few KiB that it wants just then, and V8 ends the process (docs/decisions.md). */
const isEndOfV8 = ({ signal }: { signal: NodeJS.Signals | null }) => signal === "SIGABRT" || signal === "SIGSEGV";

function run(mebibytes: number, more: object) {
  const ran = runOnce(mebibytes, more);
  return isEndOfV8(ran) ? runOnce(mebibytes, more) : ran;
}

/** A run of one step with so many MiB beside what stands before it. */
function runOnce(mebibytes: number, more: object) {
  const script = join(projectRoot, "test", "short-of-memory.ts");
  const out = scratch.next();
  const given = [out, String(mebibytes), JSON.stringify({ ...settings, ...more })];
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "jiti/register", script, ...given],
    {
      cwd: projectRoot,
      encoding: "utf8",
      env: { ...process.env, OMP_NUM_THREADS: "1", MALLOC_ARENA_MAX: "1" }, // arenas take 64 MiB of addresses each, as threads happen to meet
    },
  );
  return { status, signal, stdout, stderr, hasSaved: existsSync(join(out, "checkpoints", "step-0000001")) };
}

const room = 500;
/** Addresses that one process takes and the next does not, for code and threads. */
const slack = 64;

describe.skipIf(!existsSync("/proc/self/status"))("a step that does not fit into memory", () => {
  it("ends with 9 and the microBatch that fits, and that one does", { timeout: 240_000 }, () => {
    const { status, stdout, stderr, hasSaved } = run(room, { batchSize: 512 });
    expect(stderr).toMatch(
      /^step 1, 512 images at a time: \w+\(.*\): out of memory: [\d.]+ MiB more were asked for; more memory, or fewer/,
    );
    const [, fitting] = /(\d+) at a time went through here just now; .*--set microBatch=\1,/.exec(stderr)!;
    expect(status).toBe(9);
    expect(stdout).toMatch(/^memory ran out; the step is tried in smaller parts/);
    expect(hasSaved).toBe(false);
    expect(512 % Number(fitting)).toBe(0);
    expect(run(room + slack, { batchSize: 512, microBatch: Number(fitting) })).toMatchObject({
      status: 0,
      hasSaved: true,
    });
  });

  it("names a smaller batch where the loss is a mean over images", { timeout: 120_000 }, () => {
    const { status, stderr } = run(room, { method: "simsiam", batchSize: 512, projector: "16-16", predictor: "8" });
    expect(status).toBe(9);
    expect(stderr).toMatch(/; (\d+) at a time went through here just now; start a new run with --batch \1\n$/);
  });

  it("says so where nothing fits", { timeout: 120_000 }, () => {
    const { status, stderr } = run(200, { batchSize: 4, size: 256, width: 32, stem: "small" });
    expect(status).toBe(9);
    expect(stderr).toMatch(/no smaller part went through either; lower --size or --set width/);
  });
});

it.each([
  [
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.25 GiB is free. Process 7 has",
    "conv2d(8): out of memory: 2.00 GiB more were asked for; the GPU has 79.11 GiB, 1.25 GiB of them free",
  ],
  [
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 67108864 bytes. Error code 12",
    "conv2d(8): out of memory: 64.0 MiB more were asked for",
  ],
  ["could not create a primitive", "conv2d(8): out of memory"],
  ["std::bad_alloc", "conv2d(8): out of memory"],
  ["CUDA error: out of memory", "conv2d(8): out of memory"],
  ["CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "conv2d(8): out of memory"],
  ["the GPU's driver answers CUDA_ERROR_OUT_OF_MEMORY to cuLaunchKernel", "conv2d(8): out of memory"],
])("%s is an error of kind memory", (reason, sentence) => {
  expect(engineError("aten::conv2d", [8], new Error(`${reason}\nException raised from`))).toMatchObject({
    kind: "memory",
    exitCode: 9,
    message: sentence,
  });
});
