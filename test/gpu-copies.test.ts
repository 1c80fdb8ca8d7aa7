// Bytes on their way to a device, without a GPU: a small library plays a device's memory, streams and events for libtorch
// (played-gpu/memory.cc). It does nothing before it is waited for and overwrites what is let go, so that a wait that is missing shows.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot, readCurrentBuild } from "../setup/current.mjs";

const { libtorch } = readCurrentBuild()!;
const folder = mkdtempSync(join(tmpdir(), "selfsight-gpu-copies-"));
afterAll(() => rmSync(folder, { recursive: true }));
const source = (name: string) => join(projectRoot, "test", "played-gpu", name);
const library = join(folder, "libplayed-memory.so");

const isPlayable =
  process.platform === "linux" && Number(libtorch.version.split(".")[1]) >= 13 && /^2/.test(libtorch.version);

describe.skipIf(!isPlayable)("bytes that are sent to a played device", () => {
  let results: Record<string, unknown>;

  beforeAll(() => {
    const includes = [libtorch.include, join(libtorch.include, "torch/csrc/api/include")];
    execFileSync("g++", [
      ...["-shared", "-fPIC", "-O0", "-std=c++20", "-o", library],
      ...includes.flatMap((path) => ["-isystem", path]),
      source("memory.cc"),
      ...[`-L${libtorch.lib}`, "-lc10", "-ltorch_cpu", `-Wl,-rpath,${libtorch.lib}`],
    ]);
    const words = ["--import", "jiti/register", source("copies.ts"), library];
    const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: projectRoot, encoding: "utf8" });
    expect(stderr).toBe("");
    results = JSON.parse(stdout);
  }, 600_000);

  it("arrive whole, without the host having waited, and once", () => {
    expect(results).toMatchObject({
      waitsForTheHost: 2, // the copy and its mark
      arrives: true,
      receivesTwice: expect.stringContaining("received before"),
    });
  });

  it("are held until they are copied, two batches at most", () => {
    expect(results).toMatchObject({ mostPinned: 2, eachArrives: [true, true, true] });
  });

  it("are not written over what the device still reads", () => {
    expect(results).toMatchObject({ isReadBeforeReuse: true, isReused: true });
  });

  it("leave the stream as it was where there is no memory", () => {
    expect(results).toMatchObject({
      shortage: "sendBytes(played:0): out of memory: 2.00 MiB more were asked for",
      streamAfterShortage: 0,
    });
  });

  it("are those of pictures in memory, carried or resident, and of a batch that there is no room for ahead", () => {
    expect(results).toMatchObject({ batches: 7, carriesTheSame: true, hasTheSame: true, leavesTheBatch: true });
  });

  it("are resident where they take a quarter of the free memory at most", () => {
    const bytes = 42 * 3 * 16 * 16;
    expect(results).toMatchObject({ residence: [bytes, 0], free: 4 * bytes - 1 });
    expect(results.noRoom).toMatch(/^the pictures take .* played:0 has no memory for them; .* batch by batch$/);
  });

  it("leave nothing behind", () => expect(results.left).toEqual([0, 0]));
});
