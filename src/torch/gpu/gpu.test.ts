import { expect, it } from "vitest";
import { gpuFacts, problemOf, type Seen } from "./gpu.ts";

const device = { name: "H100", memoryBytes: 80 * 2 ** 30, computeCapability: "9.0" };
const working: Seen = {
  driver: { status: 0, cudaVersion: "13.0", devices: [device] },
  hasCudaPart: true,
  cudaOfLibtorch: "13.0",
  hasDeviceFile: true,
  visible: undefined,
};

it.each([
  [{ hasCudaPart: false }, /built for the processor alone; .*run `npx selfsight setup --libtorch cuda`/],
  [{ hasCudaPart: false, driver: null }, /built for the processor alone/],
  [{ visible: "" }, /CUDA_VISIBLE_DEVICES is "", which hides it; unset it/],
  [{ visible: "-1" }, /CUDA_VISIBLE_DEVICES is "-1"/],
  [{ driver: null }, /libcuda\.so\.1 is not found; .*--gpus all/],
  [
    { driver: { status: 0, cudaVersion: "12.4", devices: [device] } },
    /serves CUDA up to 12\.4 and this libtorch needs 13\.0/,
  ],
  [
    { driver: { status: 803, cudaVersion: "13.0", devices: [] } },
    /error 803, driver and kernel module are of different versions/,
  ],
  [{ driver: { status: 77, cudaVersion: "13.0", devices: [] } }, /error 77\)/],
  [{}, /this libtorch reaches none/],
] as [Partial<Seen>, RegExp][])("says why a GPU is not reached: %j", (found, sentence) => {
  expect(problemOf({ ...working, ...found })).toMatch(sentence);
});

it("has nothing to say where there is no GPU", () => {
  const none = { ...working, hasDeviceFile: false };
  expect(problemOf({ ...none, driver: null })).toBeNull();
  expect(problemOf({ ...none, driver: null, hasCudaPart: false })).toBeNull();
  expect(problemOf({ ...none, driver: { status: 100, cudaVersion: "13.0", devices: [] } })).toBeNull();
});

it("minor versions of one CUDA serve each other", () => {
  const driver = { status: 0, cudaVersion: "12.4", devices: [device] };
  expect(problemOf({ ...working, driver, cudaOfLibtorch: "12.9" })).toMatch(/reaches none/);
});

it("answers on this machine without an error", () => {
  expect(gpuFacts()).toMatchObject({ devices: expect.any(Array), reached: expect.any(Number) });
});
